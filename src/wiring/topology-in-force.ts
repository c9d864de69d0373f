import type { Config } from '../config/config.ts';
import type { Directory } from '../directory/directory.ts';
import type { Log } from '../telemetry/log.ts';
import { readAppliedTopology } from '../topology/applied-file.ts';
import { type Reach, reachOf } from '../topology/reach.ts';
import { deriveTopology, type Topology } from '../topology/topology.ts';

/** What is on the bus, as `tenfour bus apply` noted it; without its note, what the directory says should be. Throws TOPOLOGY_FILE. */
export const topologyInForce = ({ TOPOLOGY }: Config, directory: Directory): Topology =>
  TOPOLOGY === '' ? deriveTopology(directory) : readAppliedTopology(TOPOLOGY).topology;

/**
 * What a gateway may route to the topics: what the note says that there are subscriptions for. Undefined without a note: then everything
 * in the directory, and the log says so once. Throws TOPOLOGY_FILE.
 */
export const reachInForce = ({ TOPOLOGY }: Config, directory: Directory, log: Log): Reach | undefined => {
  if (TOPOLOGY === '') {
    log.event('topology.assumed', { directory: directory.version });
    return undefined;
  }
  const { appliedAt, topology } = readAppliedTopology(TOPOLOGY);
  const { directoryVersion } = topology;
  const isSame = directoryVersion === directory.version;
  log.event('topology.applied', { appliedAt, directoryVersion, isSame });
  return reachOf(topology);
};
