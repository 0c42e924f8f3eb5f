import { nodeClients } from '../clients/in-node.ts';

nodeClients({ file: 100_000_000, meanBytesPerFault: 12_000_000, maxFaults: 40 }, 600_000);
