#include "train/scaling/starts.h"

/* The digits of `which`, each a step of a parameter's range: theta[i] = first + step * digit. */
typedef struct Digit {
    int count;
    double first, step;
} Digit;

static const Digit grids[LAW_FORMS][LAW_PARAMETERS_MAX] = {
    [LAW_CHINCHILLA] = {{5, -1, 0.5}, {6, 0, 5}, {6, 0, 5}, {5, 0, 0.5}, {5, 0, 0.5}},
    [LAW_KAPLAN] = {{4, -15, 15}, {4, -15, 15}, {4, 0.4, 0.4}, {4, 0.05, 0.1}},
    [LAW_COMPUTE] = {{5, -1, 0.5}, {6, 0, 5}, {10, 0.05, 0.1}},
    [LAW_REPEATED] =
        {{1, 0, 0}, {1, 0, 0}, {1, 0, 0}, {3, 0.2, 0.3}, {3, 0.2, 0.3}, {2, 1, 2}, {2, 1, 2}},
};

int64_t starts_count(LawKind law)
{
    int64_t count = 1;
    for (int i = 0; i < law_parameters(law); i++) count *= grids[law][i].count;
    return count;
}

void starts_take(const Objective *o, int64_t which, double *theta)
{
    for (int i = 0; i < o->parameters; i++) {
        const Digit *d = &grids[o->law][i];
        theta[i] = d->first + d->step * (double)(which % d->count);
        which /= d->count;
    }
    if (o->law != LAW_KAPLAN) objective_centre(o, theta); /* whose grid is of the centre */
}
