import type { RelayedForm, RelayedLine, RelayedPiece } from './definitions.ts';

/** What each placeholder of a network's header looks like (domain sheet 3.2); a count has five digits. */
const pieces: Readonly<Record<string, RelayedPiece>> = {
  receivedTime: { kind: 'clock', picture: '99:99' },
  receivedDate: { kind: 'clock', picture: '99/99/9999' },
  receivedCount: { kind: 'clock', picture: '99999' },
  sentTime: { kind: 'clock', picture: '99:99' },
  sentDate: { kind: 'clock', picture: '99/99/9999' },
  sentCount: { kind: 'clock', picture: '99999' },
  destination: { kind: 'destination' },
  control: { kind: 'control' },
};

/** Forms of dialect.json made ready for reading: their first line and the text mark are the same in all. */
export function relayedForms(forms: readonly (readonly string[])[]): readonly RelayedForm[] {
  return forms.map((lines) => lines.slice(1, -1).map(relayedLine));
}

function relayedLine(line: string): RelayedLine {
  const names = line.split(/\{(\w+)\}/);
  // Texts stand at even places, the names between them at odd ones.
  const read = names.flatMap((text, at): RelayedPiece[] => {
    if (at % 2 === 0) return text === '' ? [] : [{ kind: 'text', text }];
    const piece = pieces[text];
    return piece === undefined ? [] : [piece];
  });
  const placeholders = read.filter(({ kind }) => kind !== 'text');
  return { pieces: read, isOptional: placeholders.length === 1 && placeholders[0]?.kind === 'control' };
}
