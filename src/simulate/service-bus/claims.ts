import { type Checked, expiredToken, placeOf, type Right, type TokenCheck } from './access-policies.ts';
import type { BusCounts } from './bus-counts.ts';
import type { Refusal } from './settlement.ts';

/** Entities one connection may hold tokens for. */
const claimsMax = 5_000;

type Claim = { readonly untilMs: number; readonly rights: ReadonlySet<Right> };

/** What the tokens a peer put on its connection allow it to do, by entity. A newer token of an entity replaces the older. */
export class Claims {
  readonly #tokens: TokenCheck;
  readonly #counts: BusCounts;
  readonly #byPath = new Map<string, Claim>();

  constructor(tokens: TokenCheck, counts: BusCounts) {
    this.#tokens = tokens;
    this.#counts = counts;
  }

  /** Takes a token for `resource`, such as `sb://host/topic`. */
  put(token: string, resource: string, nowMs: number): Checked {
    const checked = this.#tokens.check(token, resource, nowMs);
    this.#counts.tokenChecked(checked);
    if (!checked.ok || !this.#tokens.isOn) return checked;
    const { path } = placeOf(resource);
    if (this.#byPath.size >= claimsMax && !this.#byPath.has(path))
      return { ok: false, description: 'TooManyTokens: The connection holds tokens for too many entities.' };
    this.#byPath.set(path, checked);
    return checked;
  }

  /** Why the peer may not use its `right` at this address; undefined when it may. */
  refusal(address: string, right: Right, nowMs: number): Refusal | undefined {
    if (!this.#tokens.isOn) return undefined;
    let ended: number | undefined;
    for (const path of upwards(placeOf(address.replace(/^\/?/, '/')).path)) {
      const claim = this.#byPath.get(path);
      if (claim?.rights.has(right) !== true) continue;
      if (claim.untilMs > nowMs) return undefined;
      ended = claim.untilMs;
    }
    return unauthorized(ended === undefined ? claimMissing(address, right) : expiredToken(ended));
  }
}

/** A path and every path above it, up to the whole namespace. */
function* upwards(path: string): Generator<string> {
  for (let at = path.length; at > 0; at = path.lastIndexOf('/', at - 1)) yield path.slice(0, at);
  yield '';
}

const claimMissing = (address: string, right: Right): string =>
  `Unauthorized access. '${right}' claim(s) are required to perform this operation. Resource: '${address.slice(0, 300)}'.`;

const unauthorized = (description: string): Refusal => ({
  condition: 'amqp:unauthorized-access',
  description,
});
