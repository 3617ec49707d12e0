import { SegmentedControl } from '@mantine/core';
import { getRouteApi } from '@tanstack/react-router';

import { useSession } from '../../api/session';
import { PageHead } from '../../parts/PageHead';
import { text } from '../../text/text';
import { ExceptionList } from './ExceptionList';
import { NewException } from './NewException';
import { Vex } from './Vex';

const route = getRouteApi('/app/exceptions');

/** What the company has decided not to be told of, why, and until when. */
export function ExceptionsPage() {
  const { tab = 'exceptions' } = route.useSearch();
  const navigate = route.useNavigate();
  const { may } = useSession();
  return (
    <>
      <PageHead title={text.nav.exceptions} lead={text.exception.lead}>
        <SegmentedControl
          size="xs"
          aria-label={text.software.view}
          value={tab}
          data={[
            { value: 'exceptions', label: text.nav.exceptions },
            { value: 'vex', label: text.vex.title },
          ]}
          onChange={(next) =>
            void navigate({
              search: (old) => ({ company: old.company, tab: next === 'vex' ? 'vex' : undefined }),
            })
          }
        />
        {may('findings:triage') && tab === 'exceptions' && <NewException />}
      </PageHead>
      {tab === 'vex' ? <Vex /> : <ExceptionList />}
    </>
  );
}
