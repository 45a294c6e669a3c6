/* Elapsed time: measuring and printing. */
#ifndef TRAIN_SUPPORT_CLOCK_H
#define TRAIN_SUPPORT_CLOCK_H

double clock_seconds(void); /* monotonic */

/* "2:05", "1:02:05"; "?" if it is negative or above ten years. Valid for three more calls in this
 * thread. */
const char *duration_text(double seconds);

#endif
