import assert from 'node:assert/strict';
import { test } from 'node:test';
import { guarded } from './guarded-signal.ts';

test('a listener that throws at the abort ends nothing, and the others hear of it', () => {
  const controller = new AbortController();
  const signal = guarded(controller.signal);
  const heard: string[] = [];
  signal.addEventListener('abort', () => {
    throw new TypeError('its link is gone');
  });
  signal.addEventListener('abort', () => {
    heard.push('second');
  });
  assert.equal(signal.aborted, false);
  controller.abort();
  assert.deepEqual([signal.aborted, heard], [true, ['second']]);
});

test('a listener that was taken away hears nothing', () => {
  const controller = new AbortController();
  const signal = guarded(controller.signal);
  const heard: string[] = [];
  const listener = (): void => {
    heard.push('gone');
  };
  signal.addEventListener('abort', listener);
  signal.removeEventListener('abort', listener);
  controller.abort();
  assert.deepEqual(heard, []);
});
