import { WalkHere } from '../walk-here.js';

export const dynamic = 'force-dynamic';

export default function Callback() {
  return <WalkHere provider={process.env.PROVIDER} />;
}
