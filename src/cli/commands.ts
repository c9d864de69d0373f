export type Command = {
  readonly usage: string;
  readonly does: string;
  /** Loaded on demand, so that a small command starts fast. */
  readonly load: () => Promise<{ run: (args: readonly string[]) => Promise<number> }>;
};

const role = (name: 'gateway' | 'courier' | 'recorder', does: string): Command => ({
  usage: name,
  does,
  load: async () => {
    const { runRole } = await import('./role.ts');
    return { run: (args) => runRole([name], args) };
  },
});

/** Every command of the program, in the order help shows them. */
export const commands: Readonly<Record<string, Command>> = {
  gateway: role('gateway', 'serves the lines: sockets to Redis'),
  courier: role('courier', 'drives the lanes: Redis to Service Bus topics'),
  recorder: role('recorder', 'writes the audit stream to segments on disk'),
  board: {
    usage: 'board [--port N]',
    does: 'the status page for dispatchers, live in a browser on this machine',
    load: () => import('./board.ts'),
  },
  all: {
    usage: 'all',
    does: 'every role in one process, for a laptop',
    load: async () => {
      const { runRole } = await import('./role.ts');
      return { run: (args) => runRole(['recorder', 'courier', 'gateway'], args) };
    },
  },
  keys: {
    usage: `keys create [--if-missing]
  tenfour keys rotate --owner ID [--in-hours N]
  tenfour keys export --owner ID[,ID ...] --out FILE`,
    does: 'makes key files in TENFOUR_KEYS for the owners in TENFOUR_DIRECTORY; gives an owner its next bus key; writes a receiver its own',
    load: () => import('./keys.ts'),
  },
  'log-on': {
    usage: 'log-on hash USER',
    does: 'reads a password and prints the user’s entry for users.json of the directory (docs/directory.md)',
    load: () => import('./log-on.ts'),
  },
  health: {
    usage: 'health [--ready] [--port N]',
    does: 'asks the role of this machine whether it lives, or is ready: for container health checks',
    load: () => import('./health.ts'),
  },
  trace: {
    usage: 'trace ID [--json]',
    does: 'every hop of a message or delivery, with its place in the chain',
    load: () => import('./trace.ts'),
  },
  ledger: {
    usage: 'ledger [--recount] [--json]',
    does: 'messages in and out of every lane; --recount derives it again from streams and segments',
    load: () => import('./ledger.ts'),
  },
  dead: {
    usage:
      'dead ls [--lane L] [--code C] [--subscription S] [--limit N] | dead show ID | dead redrive ID|--lane L|--code C|--subscription S|--all [--dry-run] [--by WHO]   [--json]',
    does: 'deliveries that could not be made, or came back from the bus: which, and back on their lanes as a new generation',
    load: () => import('./dead.ts'),
  },
  audit: {
    usage: 'audit verify [FOLDER] [--keys FOLDER] [--heads FILE] [--json] | audit export FOLDER',
    does: 'checks the record offline and names the first bad record, or copies it out for somebody else to check',
    load: () => import('./audit.ts'),
  },
  bus: {
    usage: `bus plan [--json] [--directory FOLDER] [--emulator-config FILE|-]
  tenfour bus apply [--yes] [--prune [--force]] [--json] [--directory FOLDER]`,
    does: 'topics and subscriptions on the bus against those of the directory: what differs, or made to agree (docs/bus-topology.md)',
    load: () => import('./bus.ts'),
  },
  dialect: {
    usage: `dialect describe NAME [--uncertain] [--protocols DIR] [--json]
  tenfour dialect check DIR [--fill] [--directory DIR] [--json]
  tenfour dialect new NAME --extends BASE [--protocols DIR]`,
    does: 'what a dialect says and where that was read; everything wrong with one (--fill writes what becomes of new samples); the files of a new one (protocols/README.md)',
    load: () => import('./dialect.ts'),
  },
  explain: {
    usage: `explain FILE|- [--line L | --dialect D] [--framing F] [--directory DIR] [--protocols DIR] [--show] [--json] [--no-color]`,
    does: 'how the messages in a file are read, byte by byte, what is wrong with them and where they would go. It prints what they hold; sensitive fields and free text only with --show, a password never',
    load: () => import('./explain.ts'),
  },
  simulate: {
    usage: `simulate services [--config FILE] [--data FOLDER]
  tenfour simulate bus [--host H] [--port N] [--control-port N] [--config FILE] [--data FOLDER] [--connection-file FILE]
      [--tls-cert FILE --tls-key FILE | --tls-folder FOLDER] [--policies FILE [--accept-jwt]] [--memory-max MIB] [--faults FILE]
  tenfour simulate cad --line NAME [--script FILE | --send TEXT|- | --file FILE] [--expect WHAT] [--await KEY] [--stay]
      [--rate N] [--count N] [--directory FOLDER] [--host H] [--port N] [--faults SPEC] [--show-body] [--json]
  tenfour simulate switch --line NAME [--records FILE] [--delay MS] [--directory FOLDER] [--host H] [--port N] [--faults SPEC]
      [--show-body] [--json]
  tenfour simulate mdt --subscription TOPIC/NAME ... [--connection-file FILE] [--keys FILE] [--count N] [--dead] [--whole] [--faults SPEC]
      [--show-body] [--json]`,
    does: 'the far side for development and tests: what the switch stands on, a bus, a CAD, a state switch, cars (docs/simulators.md)',
    load: () => import('./simulate.ts'),
  },
  demo: {
    usage: 'demo [--plain] [--tour] [--pause-ms N] | demo --once [--json] [--out FOLDER]',
    does: 'the whole road on this machine, live: one screen, and keys that kill and mend its processes; --tour does it by itself',
    load: () => import('./demo.ts'),
  },
};
