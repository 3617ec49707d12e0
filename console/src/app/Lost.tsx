import { Anchor } from '@mantine/core';

import { PageHead } from '../parts/PageHead';
import { text } from '../text/text';

/** What stands at an address that no page has. */
export const Lost = () => <Nothing why={text.state.lost} />;

/** What stands at the address of a company that somebody is not at home in, whether or not there is one. */
export const NotTheirs = () => <Nothing why={text.state.notFoundDetail} />;

/** There is nothing here, why, and the way to what there is: their own overview, without what the address named. */
function Nothing({ why }: { why: string }) {
  return (
    <main className="narrow-page">
      <PageHead title={text.state.notFound} lead={why} />
      <Anchor href="/">{text.nav.overview}</Anchor>
    </main>
  );
}
