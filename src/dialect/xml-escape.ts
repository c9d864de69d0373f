const names: ReadonlyMap<string, string> = new Map([
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
]);

/** Characters as they may stand in an element or a quoted attribute, whatever they are, in printable ASCII and white space. */
export function xmlEscaped(text: string): string {
  return text.replaceAll(
    /[&<>"]|[^ -~\t\r\n]/gu,
    (character) => names.get(character) ?? `&#${String(character.codePointAt(0))};`,
  );
}
