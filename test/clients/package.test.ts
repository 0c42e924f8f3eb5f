import { packageInChromium } from './package-in-chromium.ts';

packageInChromium([1, 2, 3, 4, 5], 60_000);
