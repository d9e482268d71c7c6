/*
 * What the ABI fixes beside the layout of its structs and the values of its enumerators, which
 * golden files have: macros that cross the boundary, for every 1.x.
 */
#include <criterion/criterion.h>

#include <lamina/conv.h>
#include <lamina/files.h>
#include <lamina/gemm.h>
#include <lamina/plugin.h>

Test(constants, numbers_are_those_of_1_0)
{
  cr_expect_eq(LAMINA_ABI_MAJOR, 1);
  cr_expect_eq(LAMINA_MAGIC, 0x4e4d414cu);
  cr_expect_eq(LAMINA_SHARED, 0xffffffffu);
}

Test(constants, ids_are_those_of_1_0)
{
  cr_expect_str_eq(LAMINA_FILES_ID, "lamina.files/1");
  cr_expect_str_eq(LAMINA_GEMM_ID, "lamina.gemm/1");
  cr_expect_str_eq(LAMINA_CONV_ID, "lamina.conv/1");
}
