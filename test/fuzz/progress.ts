/** What a worker shows while it works: the number of the case it is at, and how many it has done. */
export const progressPlaces = { at: 0, done: 1 } as const;

/** No case yet: reading the stock takes a while, and is no hang. */
export const notBegun = -0x8000_0000;

export function newProgress(): Int32Array<SharedArrayBuffer> {
  const places = new Int32Array(new SharedArrayBuffer(8));
  places[progressPlaces.at] = notBegun;
  return places;
}
