import { Board } from '../board/board.ts';
import type { Config } from '../config/config.ts';
import { redisUrl } from '../config/redis-url.ts';
import { loadDirectory } from '../directory/directory.ts';
import { type Role, RoleProcess } from './process.ts';
import { Watch } from './watch.ts';
import { TraceDesk } from './watch-trace.ts';

/** The board at work: it sees one slot and shows it. It writes nothing, so it has no chain and needs no keys. */
export const startBoard = async (config: Config): Promise<Role> => {
  const shared = new RoleProcess('board', config);
  const { log, metrics } = shared;
  const directory = loadDirectory(config.DIRECTORY);
  const opsPort = await shared.serve();
  const watch = await Watch.open({
    redisUrl: redisUrl(config),
    slot: config.SLOT,
    directory,
    recordFolder: config.RECORD,
  });
  const reasons = (): readonly string[] => watch.picture().warnings.filter((code) => code === 'REDIS_DOWN');
  let wasDown = false;
  watch.onPicture(({ warnings, record }) => {
    const isDown = warnings.includes('REDIS_DOWN');
    if (isDown !== wasDown) log.event(isDown ? 'redis.down' : 'redis.up', { role: 'board' });
    wasDown = isDown;
    metrics.redisUp.set(isDown ? 0 : 1);
    metrics.watchPagesMissed.set(record.pagesMissed);
  });
  const desk = new TraceDesk(config);
  const board = await Board.start({
    host: config.BOARD_HOST,
    port: config.BOARD_PORT,
    metrics,
    readiness: () => ({ ready: reasons().length === 0, reasons: reasons() }),
    picture: () => watch.picture(),
    onPicture: (listener) => watch.onPicture(listener),
    trace: (id, isGone) => desk.trace(id, isGone),
  });
  shared.reasons = reasons;
  log.event('process.started', {
    role: 'board',
    instance: config.INSTANCE,
    writer: '',
    predecessor: '',
    opsPort,
    directory: directory.version,
  });
  return {
    opsPort,
    linePorts: new Map(),
    port: board.port,
    failed: shared.failed,
    drain: async () => {
      log.event('process.draining', { role: 'board' });
      await board.close();
      await watch.stop();
      await shared.close();
    },
  };
};
