import { chromiumClients } from './in-chromium.ts';

chromiumClients({ file: 8_000_000, meanBytesPerFault: 1_500_000, maxFaults: 25 }, 120_000);
