import { type Got, type Noted, type NoticeKind, noticeKinds, type Sent } from './books.ts';

export type Notices = {
  /** Control field → copies its sender was told of, on its own line. */
  readonly notedBy: ReadonlyMap<string, number>;
  /** Those of them that will not come; of the rest nobody knows. */
  readonly goneBy: ReadonlyMap<string, number>;
  readonly totals: Readonly<Record<NoticeKind, number>>;
  /** More notices than copies, repeats with their mark left out. */
  readonly unmarkedDuplicates: readonly string[];
  /** Told on a line that had not sent it. */
  readonly misrouted: readonly string[];
  readonly neverSent: readonly string[];
};

/**
 * Counts copies that senders were told of. Of one message, kind and destination each unmarked notice stands for a copy; a
 * marked one repeats the one before it and excuses nothing, unless it is the first: then that one was cut off.
 */
export function readNotices(noted: readonly Noted[], sentBy: ReadonlyMap<string, Sent>): Notices {
  const [notedBy, goneBy] = [new Map<string, number>(), new Map<string, number>()];
  const totals: Record<NoticeKind, number> = { expired: 0, dead: 0, unconfirmed: 0 };
  const [unmarkedDuplicates, misrouted, neverSent]: [string[], string[], string[]] = [[], [], []];
  for (const [control, notices] of Map.groupBy(noted, (one) => one.control)) {
    const sent = sentBy.get(control);
    if (sent === undefined) {
      neverSent.push(`${control} noted`);
      continue;
    }
    const own = notices.filter(({ line }) => line === sent.line);
    if (own.length < notices.length) misrouted.push(`${control} noted elsewhere`);
    let [copies, gone] = [0, 0];
    for (const kind of noticeKinds) {
      const ofKind = Map.groupBy(
        own.filter((one) => one.kind === kind),
        (one) => one.destination,
      );
      const count = [...ofKind.values()].reduce((sum, same) => sum + differentIn(same), 0);
      totals[kind] += count;
      copies += count;
      if (kind !== 'unconfirmed') gone += count;
    }
    if (copies > sent.places.length) unmarkedDuplicates.push(`${control} noted`);
    if (copies > 0) notedBy.set(control, copies);
    if (gone > 0) goneBy.set(control, gone);
  }
  return { notedBy, goneBy, totals, unmarkedDuplicates, misrouted, neverSent };
}

const differentIn = (notices: readonly Noted[]): number =>
  notices.filter(({ isMarked }, at) => !isMarked || at === 0).length;

/**
 * Messages of which more copies were noted as gone, or delivered, than there are: one was both. A copy that came marked, or redriven, may
 * be noted as well: the switch was not sure, and said so. So may one of an unconfirmed notice, which says that it is not sure.
 */
export function notedAndDelivered(
  got: readonly Got[],
  sentBy: ReadonlyMap<string, Sent>,
  { goneBy }: Notices,
): readonly string[] {
  const freshBy = new Map<string, Set<string>>();
  for (const { control, place, deliveryId, generation, isMarked } of got) {
    if (isMarked || generation > 1 || !goneBy.has(control)) continue;
    freshBy.set(control, (freshBy.get(control) ?? new Set()).add(`${place}:${deliveryId}`));
  }
  return [...freshBy].flatMap(([control, fresh]) => {
    const copies = sentBy.get(control)?.places.length ?? 0;
    return fresh.size + (goneBy.get(control) ?? 0) > copies ? [control] : [];
  });
}
