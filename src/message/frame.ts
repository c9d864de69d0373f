/**
 * One frame as cut from a byte stream: the bytes between the framing marks, marks excluded.
 * The buffer is the frame's own view; nobody writes to it after the frame room let it go.
 */
export type Frame = { readonly kind: 'frame'; readonly bytes: Buffer };
