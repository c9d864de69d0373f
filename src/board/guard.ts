import type { IncomingHttpHeaders } from 'node:http';

/**
 * What every answer says to a browser: nothing but our own files is loaded, nothing is embedded, guessed or kept. The page needs no
 * inline script or style; what scripts set on elements goes through the CSSOM, which the policy permits.
 */
export const guardHeaders: Readonly<Record<string, string>> = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

/** Names a browser on this machine may call us by. Any port: a tunnel to us has one of its own. */
const loopbackNames = new Set(['localhost', '127.0.0.1', '[::1]']);

export const isLoopback = (host: string): boolean => host === '127.0.0.1' || host === '::1';

/**
 * Until there is a log-on, whoever reaches us by a loopback name may read. A page of another site that had its own name resolve to us (DNS
 * rebinding) is told by the name it used; one that calls us across sites by what the browser says of it. `isPage`: the page itself may be
 * opened from a link.
 */
export const refusalOf = (
  method: string | undefined,
  headers: IncomingHttpHeaders,
  isPage: boolean,
): { readonly status: number; readonly says: string } | undefined => {
  if (method !== 'GET') return { status: 405, says: 'only GET' };
  const name = (headers.host ?? '').toLowerCase().replace(/:\d{1,5}$/, '');
  if (!loopbackNames.has(name)) return { status: 421, says: 'not called by a loopback name' };
  const site = headers['sec-fetch-site'];
  if (!isPage && (site === 'cross-site' || site === 'same-site'))
    return { status: 403, says: 'not from another site' };
  return undefined;
};
