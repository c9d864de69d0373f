/** `npm run bench` measures the steps of the road, `npm run bench -- bus [--json]` the stand-in of Service Bus. */
const [what = 'road', ...rest] = process.argv.slice(2);
if (what === 'road' && rest.length === 0) await import('./road.ts');
else if (what === 'bus' && rest.every((option) => option === '--json')) {
  const { benchBus } = await import('./bus.ts');
  await benchBus(rest.length > 0);
} else {
  console.error('bench expects: nothing, road, or bus [--json]');
  process.exitCode = 2;
}
