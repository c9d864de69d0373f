import type { Entry } from './atom-xml.ts';

/** An answer of the administration API; `detail` is shown to the caller and holds no value he sent. */
export type Refused = { readonly kind: 'refused'; readonly status: number; readonly detail: string };
export type AdminAnswer =
  | { readonly kind: 'entry'; readonly status: 200 | 201; readonly entry: Entry }
  | { readonly kind: 'feed'; readonly entries: readonly Entry[]; readonly hasMore: boolean }
  | { readonly kind: 'deleted' }
  | Refused;

const refused = (status: number, detail: string): Refused => ({ kind: 'refused', status, detail });

/** The service's sub-codes stand in front, as its clients look for them. */
export const badRequest = (why: string): Refused => refused(400, `SubCode=40000. Bad Request. ${why}`);
export const unauthorized = (why: string): Refused => refused(401, `SubCode=40100. Unauthorized: ${why}`);
export const forbidden = (why: string): Refused => refused(401, `SubCode=40103. Unauthorized: ${why}`);
export const tooMany = (why: string): Refused => refused(403, `SubCode=40300. Forbidden. ${why}`);
export const notFound = (path: string): Refused =>
  refused(404, `SubCode=40400. Not Found. The messaging entity '${path.slice(0, 300)}' could not be found.`);
export const conflict = (why: string): Refused => refused(409, `SubCode=40900. Conflict. ${why}`);
export const preconditionFailed = refused(
  412,
  'SubCode=41200. Precondition Failed. Only If-Match: * is taken.',
);
export const tooLarge = refused(413, 'SubCode=41300. Request Entity Too Large.');
export const busy = refused(503, 'SubCode=50300. Server Busy. Too many requests at once.');
export const notAllowed = refused(405, 'SubCode=40500. Method Not Allowed.');
