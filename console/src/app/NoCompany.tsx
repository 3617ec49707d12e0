import { useSession } from '../api/session';
import { Go } from '../parts/Go';
import { PageHead } from '../parts/PageHead';
import { Notice } from '../parts/States';
import { text } from '../text/text';

/** The pages that need no company. */
const WITHOUT = ['/companies', '/operators', '/pipeline', '/feeds', '/account'];

/** Whether a page can be shown when no company is looked at. */
export const needsNone = (pathname: string): boolean => WITHOUT.includes(pathname);

/** Said where there is no company to look at: to an operator before the first, to a person who has none. */
export function NoCompany() {
  const { me, may } = useSession();
  return (
    <>
      <PageHead title={text.overview.noCompany} />
      <Notice
        title={me.is_operator ? text.overview.makeCompany : text.overview.inNone}
        action={may('companies:manage') && <Go to="/companies">{text.nav.companies}</Go>}
      >
        {me.is_operator ? text.overview.makeCompanyDetail : text.overview.inNoneDetail}
      </Notice>
    </>
  );
}
