import { createHmac, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { StandInError } from './stand-in-error.ts';

export type Right = 'Send' | 'Listen' | 'Manage';

/** A shared access policy: whoever knows `key` has these rights. Manage implies the others. */
export type AccessPolicy = {
  readonly name: string;
  readonly key: string;
  readonly rights: readonly Right[];
};

/** `untilMs`: when the token ends, in milliseconds of the clock; Infinity where nothing is checked. */
export type Checked =
  | { readonly ok: true; readonly untilMs: number; readonly rights: ReadonlySet<Right> }
  | { readonly ok: false; readonly description: string };

const policiesMax = 100;
/** Characters of a token; those of the service and of Entra ID stay far below. */
const tokenMax = 16_384;

/** What can stand in a connection string. */
const connectable = z
  .string()
  .min(1)
  .max(256)
  .regex(/^[^;]*$/, 'must not contain ;');

const policySchema = z.strictObject({
  name: connectable,
  key: connectable,
  rights: z.array(z.enum(['Send', 'Listen', 'Manage'])).min(1),
});
const policiesSchema = z.array(policySchema).min(1).max(policiesMax);

const everyRight: ReadonlySet<Right> = new Set(['Send', 'Listen', 'Manage']);

/**
 * Says what a token allows. Shared access signatures are verified as the service does: HMAC-SHA256 by the policy's
 * key over the resource as the token has it and its expiry. Entra ID tokens (jwt) cannot be verified here.
 */
export class TokenCheck {
  readonly #policies: ReadonlyMap<string, AccessPolicy> | undefined;
  readonly #takesJwt: boolean;

  /** Without policies every token is taken, with all rights; with them a jwt is refused unless `takesJwt`. */
  constructor(policies: readonly AccessPolicy[] | undefined, takesJwt = false) {
    this.#policies = policies && new Map(policies.map((policy) => [policy.name, policy]));
    this.#takesJwt = takesJwt;
  }

  /** False when anybody may do everything, without a token too. */
  get isOn(): boolean {
    return this.#policies !== undefined;
  }

  /**
   * `resource` is what the token is to be used for: `sb://host/path` or `https://host/path`, or `/path` alone, then
   * the token's host is not compared. A `Bearer ` in front of the token is passed over.
   */
  check(token: string, resource: string, nowMs: number): Checked {
    if (this.#policies === undefined) return { ok: true, untilMs: Infinity, rights: everyRight };
    if (token.length > tokenMax) return refused('MalformedToken: The token is too long.');
    if (!token.startsWith('SharedAccessSignature ')) return this.#checkJwt(token, nowMs);
    const fields = fieldsOf(token);
    if (fields === undefined) return refused('MalformedToken: The token cannot be read.');
    const policy = this.#policies.get(fields.policy);
    // A name nobody has and a wrong signature are told alike, as by the service.
    if (policy === undefined || !isSigned(fields, policy.key))
      return refused('InvalidSignature: The token has an invalid signature.');
    const untilMs = fields.expiresAtS * 1_000;
    if (untilMs <= nowMs) return refused(expiredToken(untilMs));
    if (!covers(fields.resource, resource))
      return refused('InvalidAudience: The resource of the token does not cover what is asked for.');
    return { ok: true, untilMs, rights: rightsOf(policy) };
  }

  #checkJwt(token: string, nowMs: number): Checked {
    if (!this.#takesJwt) return refused('InvalidToken: Tokens of Entra ID are not taken here.');
    const untilMs = jwtEndMs(token.replace(/^Bearer /i, ''));
    return untilMs <= nowMs ? refused(expiredToken(untilMs)) : { ok: true, untilMs, rights: everyRight };
  }
}

/** As the service says it, both to a put-token and to a link whose token ran out. */
export const expiredToken = (untilMs: number): string =>
  `ExpiredToken: The token is expired. Expiration time:${new Date(untilMs).toISOString()}.`;

/** Reads a file of access policies: a JSON list of name, key and rights. Throws CONFIG_INVALID. */
export async function loadAccessPolicies(path: string): Promise<readonly AccessPolicy[]> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch {
    // Without the cause: what JSON.parse says shows the text around the place, which may be a key.
    throw new StandInError('CONFIG_INVALID', 'access policies: the file cannot be read as JSON');
  }
  return parseAccessPolicies(json);
}

/** Checks access policies. Throws CONFIG_INVALID, which never shows a key. */
export function parseAccessPolicies(json: unknown): readonly AccessPolicy[] {
  const parsed = policiesSchema.safeParse(json);
  if (!parsed.success)
    throw new StandInError('CONFIG_INVALID', `access policies: ${z.prettifyError(parsed.error)}`);
  const names = new Set(parsed.data.map(({ name }) => name));
  if (names.size < parsed.data.length)
    throw new StandInError('CONFIG_INVALID', 'access policies: a name is there twice');
  return parsed.data;
}

const refused = (description: string): Checked => ({ ok: false, description });

const rightsOf = ({ rights }: AccessPolicy): ReadonlySet<Right> =>
  rights.includes('Manage') ? everyRight : new Set(rights);

type Fields = {
  readonly policy: string;
  readonly resource: string;
  /** What was signed: the resource as it stands in the token, and the expiry. */
  readonly signed: string;
  readonly signature: string;
  readonly expiresAtS: number;
};

function fieldsOf(token: string): Fields | undefined {
  const pairs = token.slice(token.indexOf(' ') + 1).split('&');
  const fields = new Map(
    pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
  );
  const [sr, sig, se, skn] = ['sr', 'sig', 'se', 'skn'].map((name) => fields.get(name));
  if (sr === undefined || sig === undefined || se === undefined || skn === undefined) return undefined;
  if (pairs.length > 4 || !/^\d{1,12}$/.test(se)) return undefined;
  try {
    const [policy, resource, signature] = [skn, sr, sig].map(decodeURIComponent) as [string, string, string];
    return { policy, resource, signed: `${sr}\n${se}`, signature, expiresAtS: Number(se) };
  } catch {
    return undefined; // not percent-encoded text
  }
}

function isSigned({ signed, signature }: Fields, key: string): boolean {
  const expected = Buffer.from(createHmac('sha256', key).update(signed).digest('base64'));
  const given = Buffer.from(signature);
  return given.length === expected.length && timingSafeEqual(given, expected);
}

/** True when `scope` is the resource, something above it, or the whole namespace. Ports and case do not matter. */
function covers(scope: string, resource: string): boolean {
  const [wide, narrow] = [placeOf(scope), placeOf(resource)];
  if (wide.host !== '' && narrow.host !== '' && wide.host !== narrow.host) return false;
  return isWithin(narrow.path, wide.path);
}

/** Whether `path` is `above` or lies below it, part by part; both without case. */
export const isWithin = (path: string, above: string): boolean =>
  above === '' || path === above || path.startsWith(`${above}/`);

/** Host and path of an address like `sb://host:5671/Topic/`: lower case, without port, query and outer slashes. */
export function placeOf(address: string): { readonly host: string; readonly path: string } {
  const [, host = '', path = ''] = /^(?:[a-z]+:\/\/([^/?]*))?([^?]*)/i.exec(address) ?? [];
  return {
    host: host.toLowerCase().replace(/:\d*$/, ''),
    path: path.toLowerCase().replace(/^\/+|\/+$/g, ''),
  };
}

/** The `exp` of a jwt, or Infinity where it has none that can be read. */
function jwtEndMs(jwt: string): number {
  try {
    const payload: unknown = JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString());
    const { exp } = z.object({ exp: z.number() }).parse(payload);
    return exp * 1_000;
  } catch {
    return Infinity;
  }
}
