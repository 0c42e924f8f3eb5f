import assert from 'node:assert/strict';
import { isSluiceApiError } from '../../src/node.ts';

/** For `assert.rejects`: it is one of ours, with this code. */
export function hasCode(code: string): (error: unknown) => true {
  return (error) => {
    assert.ok(isSluiceApiError(error), String(error));
    assert.equal(error.code, code);
    return true;
  };
}
