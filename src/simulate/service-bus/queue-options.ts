import type { ContentsOptions } from './contents.ts';
import { canReceive, lifeMs, type QueueSettings, type SubscriptionSettings } from './entity-settings.ts';
import type { RoomLimits } from './room.ts';

export type QueueOptions = RoomLimits &
  ContentsOptions & {
    readonly maxDeliveryCount: number;
    readonly deadLettersExpired: boolean;
    /** False while the entity's status lets nobody receive. */
    readonly isReceivable: boolean;
  };

/** What a queue or subscription is to do by its settings, within the limits of its place. */
export function queueOptions(
  settings: SubscriptionSettings | QueueSettings,
  limits: RoomLimits,
): QueueOptions {
  return {
    lockMs: settings.LockDuration,
    maxDeliveryCount: settings.MaxDeliveryCount,
    deadLettersExpired: settings.DeadLetteringOnMessageExpiration,
    ttlMs: lifeMs(settings),
    requiresSession: settings.RequiresSession,
    isReceivable: canReceive(settings.Status),
    ...limits,
  };
}

/** Dead letters are of no session and never expire. */
export const deadOptions = (options: QueueOptions): QueueOptions => ({
  ...options,
  requiresSession: false,
  ttlMs: Infinity,
});
