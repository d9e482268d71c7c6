/*
 * Cuts a window out of pictures that have a margin around them: anywhere in training, in the
 * middle otherwise. With a margin and the size of the picture it is the usual augmentation of
 * small pictures (He et al.: "Deep residual learning for image recognition", CVPR 2016).
 *
 * x: [N, H, W, C] or [N, H, W]; y: the same with `size` for H and W.
 */
#include <lamina/augment.h>

struct crop {
  struct lamina_i64s size;
  int64_t padding;
  double fill;
};

static const struct lamina_setting settings[] = {
    LAMINA_I64S(struct crop, size, "[]", "[1, 1073741823]",
                "height and width of what is cut out; empty: those of the picture"),
    LAMINA_I64(struct crop, padding, "0", "[0, 1048576]",
               "pixels added at each side before the cut"),
    LAMINA_F64(struct crop, fill, "0", "[-1e30, 1e30]", "value of the pixels that are added"),
};

static int32_t setup(void *self, struct lamina_call *call)
{
  const struct crop *crop = self;
  if (crop->size.count != 0 && crop->size.count != 2) {
    return lamina_failf(call, LAMINA_E_INVALID,
                        "size has %lld numbers, expected [height, width], or none",
                        (long long)crop->size.count);
  }
  return LAMINA_OK;
}

static int32_t infer(void *self, struct lamina_plan *plan)
{
  const struct crop *crop = self;
  struct lamina_image image;
  const struct lamina_type *x;
  struct lamina_type y;
  int64_t dims[4];
  LAMINA_TRY(lamina_image_infer(plan, &image));
  x = lamina_in(plan, 0);
  memcpy(dims, x->dims, x->rank * sizeof dims[0]);
  if (crop->size.count == 2) {
    dims[1] = crop->size.items[0];
    dims[2] = crop->size.items[1];
  }
  if (dims[1] > image.height + 2 * crop->padding || dims[2] > image.width + 2 * crop->padding) {
    return lamina_failf(plan->call, LAMINA_E_SHAPE,
                        "%lld x %lld pixels cannot be cut out of %lld x %lld with %lld more at "
                        "each side",
                        (long long)dims[1], (long long)dims[2], (long long)image.height,
                        (long long)image.width, (long long)crop->padding);
  }
  y = lamina_type_f32(x->rank, dims);
  LAMINA_TRY(lamina_out(plan, 0, &y));
  return lamina_random(plan, LAMINA_DRAW);
}

static int32_t crop_one(const struct lamina_sample *sample)
{
  const struct crop *crop = sample->self;
  struct lamina_image image = lamina_image_of(sample->type);
  struct lamina_window window = {.size = lamina_image_of(sample->result),
                                 .fill = (float)crop->fill};
  int64_t rows = image.height + 2 * crop->padding - window.size.height;
  int64_t columns = image.width + 2 * crop->padding - window.size.width;
  uint32_t words[2];
  window.top = rows / 2;
  window.left = columns / 2;
  if ((lamina_mode(sample->call) & LAMINA_MODE_TRAIN) != 0) {
    LAMINA_TRY(lamina_sample_draw(sample, 2, words));
    window.top = lamina_below(words[0], rows + 1);
    window.left = lamina_below(words[1], columns + 1);
  }
  window.top -= crop->padding;
  window.left -= crop->padding;
  lamina_window(sample->from, &image, &window, sample->to);
  return LAMINA_OK;
}

static int32_t apply(void *self, struct lamina_call *call)
{
  return lamina_samples(call, self, crop_one);
}

LAMINA_TRANSFORM(crop, "1.0.0", "cuts windows out of pictures, at random while training",
                 struct crop, LAMINA_SETTINGS(settings), .setup = setup, .infer = infer,
                 .apply = apply);
