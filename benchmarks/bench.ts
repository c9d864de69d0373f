/**
 * `npm run bench` measures the steps of the road, `npm run bench -- parse [--json]` reading a message of each dialect beside JSON.parse,
 * `npm run bench -- bus [--json]` the stand-in of Service Bus.
 */
const [what = 'road', ...rest] = process.argv.slice(2);
const isJson = rest.length > 0;
if (what === 'road' && rest.length === 0) await import('./road.ts');
else if (what === 'bus' && rest.every((option) => option === '--json')) {
  const { benchBus } = await import('./bus.ts');
  await benchBus(isJson);
} else if (what === 'parse' && rest.every((option) => option === '--json')) {
  const { benchParse } = await import('./parse.ts');
  benchParse(isJson);
} else {
  console.error('bench expects: nothing, road, parse [--json], or bus [--json]');
  process.exitCode = 2;
}
