import type { WebSocketOptions } from '@azure/service-bus';

/** How long a WebSocket waits for the other side to agree that it is closed; left alone it is 30 s. */
const CLOSE_MS_MAX = 2000;

/** WebSockets instead of AMQP's own port, for networks that let only HTTPS out; `proxy` is an http(s) address, or empty. */
export const webSocketThrough = async (proxy: string): Promise<WebSocketOptions> => {
  const { WebSocket } = await import('ws');
  const closing = { closeTimeout: CLOSE_MS_MAX };
  if (proxy === '') return { webSocket: WebSocket, webSocketConstructorOptions: closing };
  const { HttpsProxyAgent } = await import('https-proxy-agent');
  return {
    webSocket: WebSocket,
    webSocketConstructorOptions: { ...closing, agent: new HttpsProxyAgent(proxy) },
  };
};
