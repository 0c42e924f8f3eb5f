/**
 * npm run sbom [-- file]: what the service is made of, as CycloneDX JSON, in sbom.cdx.json unless another file is
 * named. Made from what is installed, which is what package-lock.json says; development packages are left out.
 * Ends with 1 where a licence is none that we may ship.
 */
import { writeFileSync } from 'node:fs';
import { createSbom } from './lib/sbom.ts';

const [file = 'sbom.cdx.json'] = process.argv.slice(2);
const { document, components, unwelcome } = createSbom();
writeFileSync(file, `${JSON.stringify(document, null, 2)}\n`);
console.log(`${file}: ${components.length} components`);
for (const { name, version, licences } of unwelcome) {
  console.error(`${name} ${version}: its licence is ${licences.join(', ') || 'not told'}`);
}
process.exitCode = unwelcome.length > 0 ? 1 : 0;
