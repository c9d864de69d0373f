/** `CONFIG_INVALID`: entities, policies or options; `STAND_IN_MESSAGE`: bytes off the wire; `STAND_IN_LOG`: the data folder. */
export type StandInErrorCode = 'CONFIG_INVALID' | 'STAND_IN_MESSAGE' | 'STAND_IN_LOG';

/** What the stand-in throws. `text` is safe to print: it holds no part of a message and no key. */
export class StandInError extends Error {
  override readonly name = 'StandInError';
  readonly code: StandInErrorCode;
  readonly text: string;

  constructor(code: StandInErrorCode, text: string, options?: { cause?: unknown }) {
    super(`${code}: ${text}`, options);
    this.code = code;
    this.text = text;
  }
}
