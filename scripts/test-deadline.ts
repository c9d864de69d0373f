/**
 * Loaded before every test file: a file that something keeps alive after its tests, a socket that a failed test left behind say, would hold
 * the whole run for ever. It ends with an error instead. Node's own `--test-timeout` counts for tests, not for files.
 */
const FILE_MS_MAX = 240_000;

// Set in the process of a test file, not in the runner's.
if (process.env['NODE_TEST_CONTEXT'] !== undefined) {
  setTimeout(() => {
    process.stderr.write('this test file is kept alive by something it left open\n');
    process.exit(1);
  }, FILE_MS_MAX).unref();
}
