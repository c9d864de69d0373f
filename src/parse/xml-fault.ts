import type { Refusal } from '../message/refusal.ts';

/** What is wrong with a document, and where. */
export type XmlFault = Refusal & { readonly offset: number };
