import type { Chance } from './chance.ts';

/** Put between elements or into texts. */
const pieces = [
  ...[
    '&lt;',
    '&amp;',
    '&#65;',
    '&#x41;',
    '&#0;',
    '&#xD800;',
    '&#x110000;',
    '&none;',
    '&',
    '<',
    '>',
    ']]>',
    '<![CDATA[A]]>',
    '<![CDATA[',
  ],
  ...[
    '<!-- a -->',
    '<!--',
    '<?a b?>',
    '<?xml version="1.0"?>',
    '<!DOCTYPE a [<!ENTITY b "c">]>',
    '<!DOCTYPE a SYSTEM "file:///dev/zero">',
  ],
  ...[
    '<a/>',
    '<a>',
    '</a>',
    '<n2:a n2:b="c">d</n2:a>',
    '<__proto__>a</__proto__>',
    '<constructor/>',
    '\u00e9',
    '\u0000',
    '\ufeff',
    ' ',
    '\r\n',
    '',
  ],
] as const;
const attributes = [
  ...[
    ' a="b"',
    ' a="b" a="c"',
    ' xmlns="urn:a"',
    ' xmlns:n2="urn:a"',
    ' xmlns:n2=""',
    ' n2:key="AM"',
    ' n2:key=""',
    ' a=b',
    ' a',
    ' xmlns:xml="urn:a"',
  ],
  ` a="${'b'.repeat(5000)}"`,
] as const;
const texts = ['', 'Z', 'Z'.repeat(70_000), '2026-02-30', '&lt;'] as const;
const depths = [3, 63, 64, 65, 500] as const;

/** One change that knows tags, texts, attributes and namespaces when it sees them. */
export function mutateXml(text: string, chance: Chance): string {
  // Every second one is a tag, comment or the like.
  const tokens = text.split(/(<[^>]*>)/);
  const tags = tokens.flatMap((token, at) => (token.startsWith('<') ? [at] : []));
  const at = chance.pick(tags) ?? 0;
  const tag = tokens[at] ?? '';
  const put = (...instead: readonly string[]): string =>
    [...tokens.slice(0, at), ...instead, ...tokens.slice(at + 1)].join('');
  switch (chance.below(12)) {
    case 0:
      return put();
    case 1:
      return put(tag, tag);
    case 2: {
      const other = chance.pick(tags) ?? 0;
      return tokens
        .with(at, tokens[other] ?? '')
        .with(other, tag)
        .join('');
    }
    case 3: {
      // From one tag to a later one, twice: an element with all it holds, as often as not.
      const end = at + 1 + chance.below(8);
      return [...tokens.slice(0, end), ...tokens.slice(at, end), ...tokens.slice(end)].join('');
    }
    case 4:
      return put(tag, chance.pick(pieces));
    case 5:
      return put(tag.replace(/\/?>$/, (end) => chance.pick(attributes) + end));
    case 6:
      return put(tag.replace(/^<(\/?)\w+:/, `<$1${chance.pick(['n2:', 'nc:', 'x:', ':', ''])}`));
    case 7:
      return put(tag.replace(/"[^"]*"/, chance.pick(['""', '"urn:a"', "'urn:a'", '"&lt;"', '"'])));
    case 8: {
      const depth = chance.pick(depths);
      return put(tag, '<a>'.repeat(depth), '</a>'.repeat(depth));
    }
    case 9:
      return put(
        tag.replace(
          /[A-Za-z]+(?=[\s/>])/,
          chance.pick(['a', 'NLETS', 'OFML', 'MessageKeyCodeText', '__proto__']),
        ),
      );
    case 10:
      return [...tokens.slice(0, at + 1), chance.pick(texts), ...tokens.slice(at + 2)].join('');
    default:
      return chance.is(0.5) ? text.replace(/>\s*</g, '><') : text.toLowerCase();
  }
}
