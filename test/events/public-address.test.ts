import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isPublicAddress } from '../../src/events/public-address.ts';

const INSIDE = `
  0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.255 127.0.0.1 127.255.255.254 169.254.0.1
  169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1 192.168.0.1 198.18.0.1 198.19.255.255
  198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
  :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:7f00:1 ::ffff:10.0.0.1 0:0:0:0:0:ffff:a9fe:a9fe
  64:ff9b::7f00:1 64:ff9b::808:808 100::1 2001::1 2001:db8::1 2002:7f00:1:: 3fff::1 fc00::1 fdff::1
  fe80::1 fe80::1%eth0 fec0::1 ff02::1 4000::1`;

const OUTSIDE = `
  1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.255.255
  172.15.255.255 172.32.0.0 192.167.255.255 192.169.0.0 223.255.255.255
  2001:4860:4860::8888 2606:4700::1111 2a00:1450::1 ::ffff:8.8.8.8`;

const NO_ADDRESS = ['', 'localhost', '2130706433', '0x7f000001', '127.1', '[::1]', '1.1.1.1 ', '1.1.1.1:80'];

const words = (text: string): string[] => text.trim().split(/\s+/);

test('addresses that lead inside are told from those of the Internet', () => {
  for (const address of words(INSIDE)) assert.equal(isPublicAddress(address), false, address);
  for (const address of words(OUTSIDE)) assert.equal(isPublicAddress(address), true, address);
});

test('what is no address is not public either', () => {
  for (const text of NO_ADDRESS) assert.equal(isPublicAddress(text), false, text);
});
