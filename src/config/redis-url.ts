import { readFileSync } from 'node:fs';
import { Fault } from '../message/codes.ts';
import type { Config } from './config.ts';

/** The address of Redis with the password of TENFOUR_REDIS_PASSWORD_FILE in it, when there is one. For connecting only: never log it. */
export const redisUrl = ({ REDIS_URL, REDIS_PASSWORD_FILE }: Config): string => {
  if (REDIS_PASSWORD_FILE === '') return REDIS_URL;
  const url = parsed(REDIS_URL);
  // The setter leaves `%` alone, and a password may hold one.
  url.password = encodeURIComponent(passwordIn(REDIS_PASSWORD_FILE));
  return url.href;
};

const parsed = (text: string): URL => {
  // Without `redis://` a host with its port is an address too, of a kind that holds no password.
  if (!URL.canParse(text) || !/^rediss?:$/.test(new URL(text).protocol))
    throw new Fault('CONFIG_INVALID', 'TENFOUR_REDIS_URL is no address');
  return new URL(text);
};

const passwordIn = (path: string): string => {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (cause) {
    throw new Fault('CONFIG_INVALID', 'TENFOUR_REDIS_PASSWORD_FILE cannot be read', { cause });
  }
  if (text === '') throw new Fault('CONFIG_INVALID', 'TENFOUR_REDIS_PASSWORD_FILE is empty');
  return text;
};
