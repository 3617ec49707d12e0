import { Stack } from '@mantine/core';

import { OF_FINDINGS } from '../../live/news';
import { NewsBar } from '../../live/NewsBar';
import { Go } from '../../parts/Go';
import { PageHead } from '../../parts/PageHead';
import { Notice, ReadAt, ReadView } from '../../parts/States';
import { text } from '../../text/text';
import { Exploited, Feeds, Likely, Policies, Reports, Silent } from './Panels';
import { useOverview } from './reads';
import { Bars, Tiles, Uncounted } from './Tiles';
import { Trends } from './Trends';

/** What needs somebody now, and behind that how the company stands. */
export function OverviewPage() {
  const { since, ...reads } = useOverview();
  const failing = reads.feeds.data?.items.filter((feed) => feed.error != null).length;
  return (
    <>
      <PageHead title={text.overview.title} lead={text.overview.lead}>
        <ReadAt read={Object.values(reads)} countedAt={reads.summary.data?.counted_at} />
      </PageHead>
      <Stack gap="lg">
        <ReadView read={reads.summary} lines={3}>
          {(data) =>
            data.hosts === 0 ? (
              <Notice title={text.overview.noHosts} action={<Go to="/deploy">{text.nav.deploy}</Go>}>
                {text.overview.noHostsDetail}
              </Notice>
            ) : (
              <>
                <Tiles of={data} failing={failing} />
                <Bars of={data.findings} />
                <Uncounted of={data} />
              </>
            )
          }
        </ReadView>
        <div className="halves">
          <Exploited read={reads.exploited} />
          <Likely read={reads.likely} />
          <Silent read={reads.silent} since={since} />
          <Policies read={reads.policies} />
          <Feeds read={reads.feeds} />
          <Reports read={reads.pipeline} />
        </div>
        <Trends />
      </Stack>
      <NewsBar read={[reads.exploited, reads.likely]} of={OF_FINDINGS} />
    </>
  );
}
