import { packageInChromium } from '../clients/package-in-chromium.ts';

const seeds = process.env.SEED
  ? [Number(process.env.SEED)]
  : Array.from({ length: 50 }, (_, index) => index + 1);

packageInChromium(seeds, 900_000);
