// A gateway in front of an API that the test speaks for, with a provider on another site where nobody is asked anything.

import { startIdentityProvider } from './identity-provider.mjs';
import { freePorts } from './ports.mjs';
import { startStack } from './stack.mjs';
import { startUpstream } from './upstream.mjs';

export async function startGatewayWorld() {
  const [port] = await freePorts(1);
  const origin = `http://127.0.0.1:${port}`;
  const stack = await startStack({ only: ['gateway'], ahead: true, gateway: { GATEPASS_ISSUER: origin } });
  const [provider, api] = await Promise.all([startIdentityProvider(stack, { origin }), startUpstream(stack.api)]);
  return {
    stack, provider, api,
    async stop() {
      await stack.stop();
      await Promise.all([provider.stop(), api.stop()]);
    },
  };
}
