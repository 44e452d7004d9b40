import { GatepassError } from 'gatepass';

console.log(GatepassError);
