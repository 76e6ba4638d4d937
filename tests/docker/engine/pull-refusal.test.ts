import test from 'ava';
import { pullRefusal } from '../../../control-plane/engine/docker/pull-refusal.ts';

const IMAGE = 'registry.example:5000/team/model:5.0.429';
const URL = 'https://registry.example:5000/v2';

/** What engines of several versions and image stores say. */
for (const [words, next] of [
  ['received unexpected HTTP status: 500 Internal Server Error', /error of its own/],
  [`unexpected status from HEAD request to ${URL}/team/model/manifests/1: 503 Service Unavailable`, /error of its own/],
  ["error parsing HTTP 502 response body: invalid character '<' looking for beginning of value", /error of its own/],
  ['toomanyrequests: You have reached your pull rate limit', /too often/],
  [`unexpected status from GET request to ${URL}/team/model/manifests/1: 429 Too Many Requests`, /too often/],
  [`Get "${URL}/": context deadline exceeded`, /not answer .* in time/],
  [`Get "${URL}/": net/http: TLS handshake timeout`, /not answer .* in time/],
  [`Get "${URL}/": dial tcp 192.0.2.1:443: i/o timeout`, /not answer .* in time/],
  [
    `Get "${URL}/": net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)`,
    /not answer .* in time/,
  ],
  [`Get "${URL}/": EOF`, /connection .* broke/],
  ['read tcp 10.0.0.2:4000->192.0.2.1:443: read: connection reset by peer', /connection .* broke/],
  [`Get "${URL}/": dial tcp: lookup registry.example: no such host`, /could not reach/],
] as const) {
  test(`it may be tried again: ${words}`, t => {
    const error = pullRefusal(IMAGE, words, 'unix:///var/run/docker.sock');
    t.like(error, { code: 'image_unavailable', retryable: true, message: `pulling image ${IMAGE}: ${words}` });
    t.regex(error.next ?? '', next);
  });
}

for (const words of [
  `manifest for ${IMAGE} not found: manifest unknown: manifest unknown`,
  'pull access denied for team/model, repository does not exist or may require `docker login`',
  'unauthorized: authentication required',
  `unexpected status from HEAD request to ${URL}/model/manifests/500: 403 Forbidden`,
  'no matching manifest for linux/arm64/v8 in the manifest list entries',
  'error parsing HTTP 403 response body: invalid character',
  `failed to resolve reference "${IMAGE}": ${IMAGE}: not found`,
]) {
  test(`it is about the image: ${words}`, t => {
    const error = pullRefusal(IMAGE, words, 'unix:///var/run/docker.sock');
    t.like(error, { code: 'image_unavailable', retryable: false });
    t.regex(error.next ?? '', /spelling of the image/);
  });
}

test('a full disk is the disk that is full', t => {
  const words = 'write /var/lib/docker/tmp/GetImageBlob1: no space left on device';
  t.like(pullRefusal(IMAGE, words, 'unix:///var/run/docker.sock'), { code: 'out_of_resources' });
});
