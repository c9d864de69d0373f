/** When an entity was made, last changed and last used, in milliseconds of the clock. Not kept over a restart. */
export class EntityTimes {
  readonly createdAtMs = Date.now();
  updatedAtMs = this.createdAtMs;
  accessedAtMs = this.createdAtMs;

  /** Somebody sent, received or asked. */
  touch(nowMs: number): void {
    this.accessedAtMs = nowMs;
  }

  /** Its settings were changed. */
  changed(nowMs: number): void {
    this.updatedAtMs = nowMs;
    this.accessedAtMs = nowMs;
  }
}
