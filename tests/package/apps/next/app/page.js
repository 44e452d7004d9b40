import { WalkHere } from './walk-here.js';

// The provider is known when the server runs, not when it is built.
export const dynamic = 'force-dynamic';

export default function Page() {
  return <WalkHere provider={process.env.PROVIDER} />;
}
