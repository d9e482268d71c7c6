/*
 * The covariance matrix, in double precision, made diagonal by Jacobi's method: each rotation in
 * the plane of two axes makes the element between them 0, and sweeps over all pairs leave less and
 * less of the others (Golub and Van Loan, "Matrix Computations", 8.5). The product of the rotations
 * has the eigenvectors for columns. It is slower than methods that go by a tridiagonal matrix, and
 * finds small and equal eigenvalues as reliably as large ones.
 */
#include "analysis/pca.h"

#include <math.h>

#include "base/memory.h"

enum { SWEEPS = 60 };

/* A symmetric matrix on its way to the diagonal, and the rotations so far; row by row. */
struct jacobi {
  int64_t n;
  double *matrix, *vectors;
};

void lm_pca_release(struct lm_pca *pca)
{
  lm_free(pca->mean);
  lm_free(pca->axes[0]);
  lm_free(pca->axes[1]);
  *pca = (struct lm_pca){0};
}

static void rotate(double *a, double *b, double cosine, double sine)
{
  double old = *a;
  *a = cosine * old - sine * *b;
  *b = sine * old + cosine * *b;
}

/* Makes matrix[p][q] zero. */
static void rotate_pair(struct jacobi *jacobi, int64_t p, int64_t q)
{
  int64_t n = jacobi->n;
  double *matrix = jacobi->matrix;
  double between = matrix[p * n + q];
  double tau = (matrix[q * n + q] - matrix[p * n + p]) / (2.0 * between);
  double tangent = (tau >= 0.0 ? 1.0 : -1.0) / (fabs(tau) + hypot(1.0, tau));
  double cosine = 1.0 / hypot(1.0, tangent), sine = tangent * cosine;
  for (int64_t k = 0; k < n; k++) {
    rotate(&matrix[k * n + p], &matrix[k * n + q], cosine, sine);
  }
  for (int64_t k = 0; k < n; k++) {
    rotate(&matrix[p * n + k], &matrix[q * n + k], cosine, sine);
    rotate(&jacobi->vectors[p * n + k], &jacobi->vectors[q * n + k], cosine, sine);
  }
}

/* Rotates each pair once whose element is more than rounding; whether there was one. */
static bool sweep(struct jacobi *jacobi)
{
  int64_t n = jacobi->n;
  bool rotated = false;
  for (int64_t p = 0; p < n; p++) {
    for (int64_t q = p + 1; q < n; q++) {
      double size = sqrt(fabs(jacobi->matrix[p * n + p] * jacobi->matrix[q * n + q]));
      if (fabs(jacobi->matrix[p * n + q]) > 1e-15 * size) {
        rotate_pair(jacobi, p, q);
        rotated = true;
      }
    }
  }
  return rotated;
}

/* Row i of vectors is eigenvector i then, and matrix[i][i] its eigenvalue. */
static void make_diagonal(struct jacobi *jacobi)
{
  for (int64_t i = 0; i < jacobi->n; i++) {
    jacobi->vectors[i * jacobi->n + i] = 1.0;
  }
  for (int i = 0; i < SWEEPS && sweep(jacobi); i++) {
  }
}

static void take_mean(const float *points, int64_t count, int64_t width, double *mean)
{
  for (int64_t i = 0; i < count; i++) {
    for (int64_t k = 0; k < width; k++) {
      mean[k] += (double)points[i * width + k] / (double)count;
    }
  }
}

/* The covariance but for a factor, in both triangles; deviation has room for one point. */
static void add_products(const float *points, int64_t count, const struct lm_pca *pca,
                         double *deviation, double *matrix)
{
  int64_t width = pca->width;
  for (int64_t i = 0; i < count; i++) {
    for (int64_t k = 0; k < width; k++) {
      deviation[k] = (double)points[i * width + k] - pca->mean[k];
    }
    for (int64_t p = 0; p < width; p++) {
      for (int64_t q = 0; q < width; q++) {
        matrix[p * width + q] += deviation[p] * deviation[q];
      }
    }
  }
}

static void take_axis(const struct jacobi *jacobi, int64_t index, double *axis)
{
  const double *vector = jacobi->vectors + index * jacobi->n;
  double largest = 0.0;
  for (int64_t k = 0; k < jacobi->n; k++) {
    largest = fabs(vector[k]) > fabs(largest) ? vector[k] : largest;
  }
  for (int64_t k = 0; k < jacobi->n; k++) {
    axis[k] = largest < 0.0 ? -vector[k] : vector[k];
  }
}

static void take_axes(const struct jacobi *jacobi, struct lm_pca *pca)
{
  int64_t n = jacobi->n, best[2] = {-1, -1};
  double total = 0.0;
  for (int64_t i = 0; i < n; i++) {
    double variance = jacobi->matrix[i * n + i];
    total += variance;
    if (best[0] < 0 || variance > jacobi->matrix[best[0] * n + best[0]]) {
      best[1] = best[0];
      best[0] = i;
    } else if (best[1] < 0 || variance > jacobi->matrix[best[1] * n + best[1]]) {
      best[1] = i;
    }
  }
  for (int a = 0; a < 2; a++) {
    double variance = jacobi->matrix[best[a] * n + best[a]];
    take_axis(jacobi, best[a], pca->axes[a]);
    pca->share[a] = total > 0.0 && variance > 0.0 ? variance / total : 0.0;
  }
}

enum lamina_status lm_pca_make(const float *points, int64_t count, int64_t width,
                               struct lm_pca *out, struct lm_error *error)
{
  *out = (struct lm_pca){.width = width};
  if (width > LM_PCA_MOST) {
    return lm_fail(error, LAMINA_E_UNSUPPORTED,
                   "found points of %lld dimensions, expected at most %d to find the two that say "
                   "most",
                   (long long)width, LM_PCA_MOST);
  }
  size_t n = (size_t)width;
  struct jacobi jacobi = {width, lm_alloc(n * n, sizeof(double)), lm_alloc(n * n, sizeof(double))};
  out->mean = lm_alloc(n, sizeof(double));
  out->axes[0] = lm_alloc(n, sizeof(double));
  out->axes[1] = lm_alloc(n, sizeof(double));
  enum lamina_status status = LAMINA_OK;
  if (jacobi.matrix == NULL || jacobi.vectors == NULL || out->mean == NULL ||
      out->axes[0] == NULL || out->axes[1] == NULL) {
    status = lm_fail_memory(error, 2 * n * n * sizeof(double));
    lm_pca_release(out);
  } else {
    take_mean(points, count, width, out->mean);
    add_products(points, count, out, out->axes[0], jacobi.matrix);
    make_diagonal(&jacobi);
    take_axes(&jacobi, out);
  }
  lm_free(jacobi.matrix);
  lm_free(jacobi.vectors);
  return status;
}

void lm_pca_project(const struct lm_pca *pca, const float *points, int64_t count, double *out)
{
  for (int64_t i = 0; i < count; i++) {
    for (int a = 0; a < 2; a++) {
      double sum = 0.0;
      for (int64_t k = 0; k < pca->width; k++) {
        sum += ((double)points[i * pca->width + k] - pca->mean[k]) * pca->axes[a][k];
      }
      out[2 * i + a] = sum;
    }
  }
}
