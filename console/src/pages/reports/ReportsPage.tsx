import { Button, SegmentedControl } from '@mantine/core';
import { getRouteApi } from '@tanstack/react-router';

import { useSession } from '../../api/session';
import { PageHead } from '../../parts/PageHead';
import { text } from '../../text/text';
import { changed } from '../../url/search';
import { NewReport } from './NewReport';
import { ReportList } from './ReportList';
import { ScheduleForm } from './ScheduleForm';
import { ScheduleList } from './ScheduleList';

const route = getRouteApi('/app/reports');

/** Files for people and their tools, made once or by a schedule. */
export function ReportsPage() {
  const search = route.useSearch();
  const { tab = 'reports', edit } = search;
  const navigate = route.useNavigate();
  const { may } = useSession();
  const set = (change: Partial<typeof search>) => void navigate({ search: (old) => changed(old, change) });
  const close = () => set({ edit: undefined });
  return (
    <>
      <PageHead title={text.nav.reports} lead={text.report.lead}>
        <SegmentedControl
          size="xs"
          aria-label={text.software.view}
          value={tab}
          data={[
            { value: 'reports', label: text.nav.reports },
            { value: 'schedules', label: text.report.schedules },
          ]}
          onChange={(next) =>
            void navigate({
              search: (old) => ({
                company: old.company,
                tab: next === 'schedules' ? 'schedules' : undefined,
              }),
            })
          }
        />
        {tab === 'reports' && may('inventory:export') && (
          <Button size="xs" onClick={() => set({ edit: 'new' })}>
            {text.report.create}
          </Button>
        )}
        {tab === 'schedules' && may('reports:manage') && (
          <Button size="xs" onClick={() => set({ edit: 'new' })}>
            {text.report.newSchedule}
          </Button>
        )}
      </PageHead>
      {tab === 'reports' ? <ReportList /> : <ScheduleList />}
      {tab === 'reports' && edit !== undefined && <NewReport close={close} />}
      {tab === 'schedules' && edit !== undefined && <ScheduleForm edit={edit} close={close} />}
    </>
  );
}
