import { deliveryKey, writeControl } from './identity.ts';
import { mixLength, mixOf } from './mix.ts';
import { seeded } from './sender-picks.ts';
import {
  agencyPlace,
  broadcastPlace,
  copyPlace,
  statePlace,
  type StationProfile,
} from './station-profile.ts';

/** An ORI as long as every other: what is written in its place changes no length. */
const ORI_IN_MIX = 'CA0991001';
const ORI = /^[A-Z]{2}099\d{4}$/;
const GROUP = /^GBN\d\d$/;
const SEED = 7;

type Slot = { readonly kind: 'ori' | 'state' | 'group'; readonly at: number };

/** One message of the mix with its addresses left open. */
type Form = {
  readonly frame: Buffer;
  readonly oriAt: number;
  readonly controlAt: number;
  readonly slots: readonly Slot[];
  readonly isRefused: boolean;
};

export type Written = {
  readonly frame: Buffer;
  /** Keys of the deliveries to expect if it is accepted; none of a message that must be refused. */
  readonly keys: readonly number[];
};

const forms = (): readonly Form[] =>
  mixOf(ORI_IN_MIX).map(({ frame, controlAt, to, toAt, deliveries }) => {
    const isRefused = deliveries.length === 0;
    let at = toAt;
    const slots = to.split('.').map((text): Slot => {
      const slot = { kind: ORI.test(text) ? 'ori' : GROUP.test(text) ? 'group' : 'state', at } as const;
      at += text.length + 1;
      return slot;
    });
    // A refused message keeps its addresses: one of them is why it is refused.
    return {
      frame,
      oriAt: toAt - ORI_IN_MIX.length - 1,
      controlAt,
      slots: isRefused ? [] : slots,
      isRefused,
    };
  });

/** The mix addressed over all agencies, states and groups of a profile, each as likely as the next of its kind. */
export class StationMix {
  readonly #profile: StationProfile;
  readonly #forms = forms();
  readonly #random = seeded(SEED);

  constructor(profile: StationProfile) {
    this.#profile = profile;
  }

  /** Message `sequence` as this station sends it. */
  write(sequence: number, sender: number, stampUs: number): Written {
    const form = this.#forms[sequence % mixLength];
    if (form === undefined) throw new Error('the mix is empty');
    const frame = Buffer.from(form.frame);
    frame.write(this.#profile.agencies[sender]?.ori ?? '', form.oriAt, 'latin1');
    writeControl(frame, form.controlAt, sender, stampUs);
    const places: number[] = [];
    const taken = new Set<string>();
    for (const slot of form.slots) {
      let drawn = this.#draw(slot.kind, sender);
      while (taken.has(drawn.text)) drawn = this.#draw(slot.kind, sender);
      taken.add(drawn.text);
      frame.write(drawn.text, slot.at, 'latin1');
      places.push(...drawn.places);
    }
    const { space } = this.#profile;
    return { frame, keys: places.map((place) => deliveryKey({ line: sender, stampUs }, place, space)) };
  }

  #draw(kind: Slot['kind'], sender: number): { text: string; places: readonly number[] } {
    const { agencies, states, groups } = this.#profile;
    switch (kind) {
      case 'ori': {
        const at = Math.floor(this.#random() * (agencies.length - 1));
        const agency = agencies[at < sender ? at : at + 1];
        return { text: agency?.ori ?? '', places: [agencyPlace(agency?.at ?? 0)] };
      }
      case 'state': {
        const at = Math.floor(this.#random() * states.length);
        return { text: states[at]?.code ?? '', places: [statePlace(this.#profile, at)] };
      }
      case 'group': {
        const group = groups[Math.floor(this.#random() * groups.length)];
        // The sender's own station gets no copy of its own broadcast.
        const copies = (group?.members ?? []).filter(
          (member) => member !== sender && agencies[member]?.isByStation === true,
        );
        const places = copies.map((member) => copyPlace(this.#profile, member));
        return { text: group?.code ?? '', places: [broadcastPlace(this.#profile), ...places] };
      }
    }
  }
}
