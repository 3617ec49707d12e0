import { Anchor } from '@mantine/core';

import { PageHead } from '../parts/PageHead';
import { text } from '../text/text';

/** What stands at an address that no page has. */
export function Lost() {
  return (
    <main className="narrow-page">
      <PageHead title={text.state.notFound} lead={text.state.lost} />
      <Anchor href="/">{text.nav.overview}</Anchor>
    </main>
  );
}
