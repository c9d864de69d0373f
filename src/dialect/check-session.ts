import type { Dialect } from './definitions.ts';
import type { Layers } from './layers.ts';
import type { SessionForm } from './session-form.ts';

/** Throws where the keys and fields of the log-on are not what the dialect's own files say. */
export function checkSession({ session, keys }: Dialect, layers: Layers): void {
  if (session !== undefined) checkOwn(session, keys, layers);
  for (const { key, kind } of keys.values()) {
    if (kind !== 'session' || key === session?.logOn || key === session?.logOff) continue;
    throw layers.fault([
      `message-keys/${key}.json`,
      '/kind',
      'is session, yet dialect.json names no such key',
    ]);
  }
}

function checkOwn(session: SessionForm, keys: Dialect['keys'], layers: Layers): void {
  const wrong = (name: string, text: string) => layers.fault(['dialect.json', `/session${name}`, text]);
  if (session.logOn === session.logOff) throw wrong('/logOff', 'is the key that logs on');
  for (const name of ['logOn', 'logOff'] as const) {
    const definition = keys.get(session[name]);
    if (definition?.kind !== 'session') throw wrong(`/${name}`, 'is no message key of kind session');
    const { kinds, max } = definition.destinations;
    if (max !== 1 || kinds.size !== 1 || !kinds.has('ori')) {
      const file = `message-keys/${definition.key}.json`;
      throw layers.fault([file, '/destinations', 'must be one ORI, that of the switch']);
    }
  }
  const logOn = keys.get(session.logOn);
  for (const name of ['user', 'password'] as const) {
    if (logOn?.body !== 'fields' || !logOn.fields.required.includes(session[name]))
      throw wrong(`/${name}`, 'is no required field of the log-on');
  }
  if (session.user === session.password) throw wrong('/password', 'is the field that names who');
  if (logOn?.dictionary.get(session.password)?.isSensitive !== true)
    throw wrong('/password', 'is a field that is not sensitive');
}
