import type { Dialect } from '../dialect/dialect.ts';
import type { Directory } from '../directory/directory.ts';
import { hasNote, isSameFace } from '../face/face.ts';
import { stationLane } from '../message/delivery.ts';
import type { StationFace, StationFaces } from '../route/route.ts';

/** Which stations read another face than a message of a dialect has. Made once a directory; a frame then looks for its dialect only. */
export const stationFacesOf = (
  directory: Pick<Directory, 'lines'>,
  dialects: ReadonlyMap<string, Dialect>,
): StationFaces => {
  const faces = new Map<string, Map<string, StationFace[]>>();
  for (const from of dialects.values()) {
    const others = new Map<string, StationFace[]>();
    for (const { station, dialect: name, whenNotCarried } of directory.lines.values()) {
      const dialect = dialects.get(name);
      if (dialect === undefined || isSameFace(from, dialect)) continue;
      const lane = stationLane(station);
      // A form without a place for the note would leave the rest out and say nothing.
      const face: StationFace = { dialect, whenNotCarried: hasNote(dialect) ? whenNotCarried : 'refuse' };
      others.set(lane, [...(others.get(lane) ?? []), face]);
    }
    if (others.size > 0) faces.set(from.name, others);
  }
  return faces;
};
