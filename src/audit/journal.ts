import { Fault } from '../message/codes.ts';
import { journalBytesMax } from './page.ts';

/** A sealed body as it waits in the journal. The journal never sees it open. */
export type JournalEntry = { readonly id: string; readonly agency: string; readonly sealed: Buffer };

const format = 1;
// u8 format, u16 id length, u16 agency length, u32 sealed length; big-endian.
const fixedBytes = 9;

/**
 * The journal blob of a page: entries end to end, each
 * `u8 format=1 | u16 idLen | id | u16 agencyLen | agency | u32 len | sealed`.
 */
export function writeJournal(entries: readonly JournalEntry[]): Buffer {
  let length = 0;
  for (const e of entries) {
    const names = Buffer.byteLength(e.id) + Buffer.byteLength(e.agency);
    if (names > 0xffff) throw new Fault('AUDIT_PAGE', 'journal entry name too long');
    length += fixedBytes + names + e.sealed.length;
  }
  if (length > journalBytesMax) throw new Fault('AUDIT_PAGE', 'journal too large for a page');
  const blob = Buffer.allocUnsafe(length);
  let at = 0;
  for (const e of entries) {
    at = blob.writeUInt8(format, at);
    at = putName(blob, e.id, at);
    at = putName(blob, e.agency, at);
    at = blob.writeUInt32BE(e.sealed.length, at);
    at += e.sealed.copy(blob, at);
  }
  return blob;
}

function putName(blob: Buffer, name: string, at: number): number {
  const length = blob.write(name, at + 2);
  blob.writeUInt16BE(length, at);
  return at + 2 + length;
}

/** The entries of a blob, as views. `brokenAt` is the offset of the first entry that does not fit, or null. */
export function walkJournal(blob: Buffer): {
  readonly entries: JournalEntry[];
  readonly brokenAt: number | null;
} {
  const entries: JournalEntry[] = [];
  let at = 0;
  while (at < blob.length) {
    const entry = entryAt(blob, at);
    if (entry === null) return { entries, brokenAt: at };
    entries.push(entry.entry);
    at = entry.end;
  }
  return { entries, brokenAt: null };
}

function entryAt(blob: Buffer, start: number): { entry: JournalEntry; end: number } | null {
  if (blob[start] !== format) return null;
  const id = nameAt(blob, start + 1);
  const agency = id === null ? null : nameAt(blob, id.end);
  if (id === null || agency === null || agency.end + 4 > blob.length) return null;
  const from = agency.end + 4;
  const end = from + blob.readUInt32BE(agency.end);
  if (end > blob.length) return null;
  return { entry: { id: id.name, agency: agency.name, sealed: blob.subarray(from, end) }, end };
}

function nameAt(blob: Buffer, at: number): { name: string; end: number } | null {
  if (at + 2 > blob.length) return null;
  const end = at + 2 + blob.readUInt16BE(at);
  return end > blob.length ? null : { name: blob.toString('utf8', at + 2, end), end };
}
