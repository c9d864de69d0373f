import { z } from 'zod';

/**
 * NCIC's own way of writing (domain sheet 5). Input is LEAD REFERENCE.KEY.ORI.FIELDS; a response is LEAD REFERENCE, ORI and text on lines
 * of their own, and what it is shows in how the text begins. Read from `ncic` in dialect.json.
 */
export type NcicForm = {
  /** Four characters each, opaque; of several the first is what we write. */
  readonly leads: { readonly input: readonly string[]; readonly output: readonly string[] };
  /** What we write where the sender gave no reference: there must be one. */
  readonly referenceOfNone: string;
  /** Who a response comes from: its text names the receiver only. */
  readonly networkOri: string;
  /** The first that fits; where none does, `otherKey`. */
  readonly responses: readonly NcicResponse[];
  readonly otherKey: string;
};

export type NcicResponse = {
  /** `?` is one letter or digit, anything else stands for itself, in upper or lower case. */
  readonly begins: string;
  /** `text`: the text begins so, blanks and empty lines before it not counted; `line`: one of its lines does; `word`: one of its words. */
  readonly where: 'text' | 'line' | 'word';
  /** It may come without the lines before the text. */
  readonly mayStandAlone: boolean;
  readonly messageKey: string;
};

const lead = z.string().regex(/^[!-\-/-Z^-_]{4}$/);
const leadList = z.array(lead).min(1).max(8);
const keyCode = z.string().regex(/^[A-Z]{2,5}$/);

/** `ncic` of dialect.json. */
export const ncicFile = z.strictObject({
  leads: z
    .strictObject({
      input: leadList.describe('Before the reference of an inquiry or entry; the first is written'),
      output: leadList.describe('Before the reference of a response'),
    })
    .describe('The four characters in front of the reference'),
  referenceOfNone: z
    .string()
    .regex(/^[!-\-/-~]{1,32}$/)
    .describe('Written as the reference of a message that has none'),
  networkOri: z
    .string()
    .regex(/^[A-Z0-9]{9}$/)
    .describe('The ORI that responses are taken to come from'),
  responses: z
    .array(
      z.strictObject({
        begins: z
          .string()
          .regex(/^[!-~][ -~]{0,39}$/)
          .describe('How the text begins; ? is one letter or digit'),
        where: z
          .enum(['text', 'line', 'word'])
          .optional()
          .describe(
            'line: any line of the text may begin so; word: any word. Default text: the text itself does',
          ),
        mayStandAlone: z
          .boolean()
          .optional()
          .describe('true: it may come without lead, reference and ORI before the text'),
        messageKey: keyCode,
      }),
    )
    .min(1)
    .max(64)
    .describe('What a response is, by how its text begins; the first that fits'),
  otherKey: keyCode.describe('What a response is where nothing else fits'),
});

/** For a dialect that stands on one of this form. */
export const ncicDifference = ncicFile.extend({ leads: ncicFile.shape.leads.partial() }).partial();

export function ncicForm(read: z.output<typeof ncicFile> | undefined): NcicForm | undefined {
  if (read === undefined) return undefined;
  const responses = read.responses.map(({ begins, where = 'text', mayStandAlone = false, messageKey }) => ({
    ...{ begins, where, mayStandAlone, messageKey },
  }));
  return { ...read, responses };
}

/** The header of an inquiry or entry, its body comes right behind it. */
export function ncicHeader(
  form: NcicForm,
  message: { readonly control: string; readonly messageKey: string; readonly originatingOri: string },
): string {
  const { control, messageKey, originatingOri } = message;
  const reference = control === '' ? form.referenceOfNone : control;
  return `${form.leads.input[0] ?? ''}${reference}.${messageKey}.${originatingOri}.`;
}
