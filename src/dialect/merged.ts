/** JSON of a dialect's file, or a part of it. */
type Json = Readonly<Record<string, unknown>>;

/**
 * `change` over `content`: objects member by member, anything else in place of what was there, lists whole. `null` takes a member away.
 */
export function merged(content: unknown, change: unknown): unknown {
  if (!isObject(content) || !isObject(change)) return change;
  const result: Record<string, unknown> = { ...content };
  for (const [name, value] of Object.entries(change)) {
    if (value === null) Reflect.deleteProperty(result, name);
    else result[name] = merged(content[name], value);
  }
  return result;
}

/** The path of a `null` in `change` that takes away nothing, for `content` has no such member. */
export function idleRemoval(content: unknown, change: unknown): readonly string[] | undefined {
  if (!isObject(change)) return undefined;
  for (const [name, value] of Object.entries(change)) {
    const held = isObject(content) ? content[name] : undefined;
    if (value === null && held === undefined) return [name];
    const below = idleRemoval(held, value);
    if (below !== undefined) return [name, ...below];
  }
  return undefined;
}

/** Does `content` say something at this JSON pointer, or put a list or a value in place of what the pointer leads into? */
export function speaksOf(content: unknown, pointer: string): boolean {
  let at = content;
  for (const part of pointer.split('/').slice(1)) {
    if (!isObject(at)) return true;
    if (!Object.hasOwn(at, part)) return false;
    at = at[part];
  }
  return true;
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
