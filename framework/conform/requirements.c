/*
 * The rules, and the page about them. Messages, reports and the page are made of this table.
 *
 * Letters: P every plugin, S settings, L layers and losses, O optimizers, R regularizers,
 * I initializers, C schedules, M metrics, D data sets, T transforms, V services.
 */
#include <string.h>

#include "conform/conform.h"

#define BIT(kind) (1u << (kind))
#define ANY 0x7feu
#define LAYERS (BIT(LAMINA_KIND_LAYER) | BIT(LAMINA_KIND_LOSS))
#define COMPUTES (LAYERS | TRANSFORM | METRIC) /* what a probe runs */
#define LOSS BIT(LAMINA_KIND_LOSS)
#define LAYER BIT(LAMINA_KIND_LAYER)
#define OPTIMIZER BIT(LAMINA_KIND_OPTIMIZER)
#define REGULARIZER BIT(LAMINA_KIND_REGULARIZER)
#define INITIALIZER BIT(LAMINA_KIND_INITIALIZER)
#define SCHEDULE BIT(LAMINA_KIND_SCHEDULE)
#define METRIC BIT(LAMINA_KIND_METRIC)
#define DATASET BIT(LAMINA_KIND_DATASET)
#define TRANSFORM BIT(LAMINA_KIND_TRANSFORM)
#define SERVICE BIT(LAMINA_KIND_SERVICE)

static const struct lm_requirement requirements[] = {
    {"P01", LM_MUST, ANY,
     "The file is a complete shared object for this machine that is named after the plugin in it, "
     "and its marker, descriptor and table are those of this ABI.",
     "The loader refuses it, and no experiment can use it.",
     "The file is loaded as a training loads it."},
    {"P02", LM_MUST, ANY, "The file exports its descriptor and nothing else.",
     "Names of two plugins, or of a plugin and a library, get mixed up.",
     "The dynamic symbol table is read; names that sanitizers add do not count."},
    {"P03", LM_MUST, ANY,
     "The file needs no library of Lamina: everything arrives through the host's table.",
     "It works with one build of Lamina only, or brings a second runtime into the process.",
     "The list of needed libraries is read."},
    {"P04", LM_MUST, ANY, "The marker says what the descriptor says.",
     "`lamina list`, which reads markers only, tells something else than what runs.",
     "Both are compared: kind, name, version and ABI."},
    {"P05", LM_SHOULD, ANY,
     "The version is like 1.0.0, and the summary is one line that is not empty.",
     "Users cannot tell what it is and which one they have.", "The descriptor is read."},
    {"P06", LM_MUST, ANY,
     "Functions that compute allocate no memory: what they need is declared and planned.",
     "Steps get slow and uneven, and the memory that was planned is not what is used.",
     "Calls of malloc, free, mmap and their like by the plugin are counted during each call."},
    {"P07", LM_MUST, ANY, "Functions that compute start no thread and no process.",
     "Threads fight with the host's for the processors, and results depend on their number.",
     "Calls of pthread_create, fork, OpenMP's entry and their like are counted, and threads."},
    {"P08", LM_MUST, ANY,
     "Functions that compute use no stream, no file, no environment and do not end the process.",
     "Output gets mixed into data, and a run depends on things that no record has.",
     "Calls of printf, fopen, read, getenv, exit and their like are counted during each call."},
    {"P09", LM_MUST, ANY, "Random numbers come from the host alone.",
     "Runs cannot be repeated or resumed, and differ with the number of threads.",
     "Calls of rand, random, drand48, getrandom and their like are counted."},
    {"P10", LM_MUST, ANY,
     "Loading and computing leave the floating-point mode, the locale, and signal handlers and "
     "masks as they are.",
     "Everything else in the process computes, prints or ends differently.",
     "They are compared before and after loading and each call, the bodies of loops included."},
    {"P11", LM_MUST, ANY,
     "Every function comes back: without a crash, an exit, an exception or a hang.",
     "A training ends in the middle, and with the wrong exit status.",
     "Every check runs in a process of its own with a time limit."},
    {"P12", LM_MUST, ANY,
     "A failure is a status and a sentence: a function that fails says why, and one that has "
     "called lamina_fail() does not claim success.",
     "Users are told that something failed and not what.",
     "All refusals that the checks meet are read."},
    {"P13", LM_MUST, ANY, "Nothing beside the memory that a call is given is read or written.",
     "Other tensors are destroyed, or the program crashes, on some sizes only.",
     "Everything lies between forbidden pages, at either end; guard bytes must not change, nor "
     "change the results."},
    {"P14", LM_MUST, ANY,
     "What a call may only read is not written: inputs, weights, saved tensors, gradients of "
     "outputs.",
     "Others that read the same memory get something else.",
     "They are compared before and after each pass."},
    {"P15", LM_MUST, ANY, "No pointer into memory of a call is kept to the next call.",
     "The memory belongs to somebody else by then.",
     "Everything is moved to other memory between forward and backward, and between steps."},

    {"S01", LM_MUST, ANY,
     "Every setting has a name, a type, documentation, and a default that its range holds, or is "
     "required.",
     "The plugin cannot be used, or users cannot find out how.",
     "The table is checked as when an instance is made."},
    {"S02", LM_MUST, ANY,
     "A value inside of a setting's range works, or is refused with LAMINA_E_INVALID, _SHAPE or "
     "_MISSING and a sentence.",
     "A value that the documentation allows crashes a run or ends it without a reason.",
     "An instance is made for the bounds of each range and for ordinary values."},
    {"S03", LM_MUST, ANY, "A value outside of a setting's range, or of another type, is refused.",
     "A typing error becomes a training that goes wrong.",
     "An instance is asked for with values below and above each range, and of other types."},
    {"S04", LM_SHOULD, ANY, "Every setting changes something.",
     "Users tune a number that does nothing.",
     "Declarations and results are compared for many values, under several values of the others."},

    {"S05", LM_MUST, LAYERS | REGULARIZER,
     "A setting that is declared schedulable is read anew in every call that computes.",
     "A schedule of it changes nothing, or half of what it should.",
     "The value is changed after infer(), and results are compared with those of an instance that "
     "was made with the new one."},

    {"L01", LM_MUST, COMPUTES, "infer() accepts some input shapes, and declares outputs for them.",
     "The plugin cannot be used.",
     "Many numbers of inputs, ranks, sizes and element types are tried; see --shapes."},
    {"L02", LM_MUST, COMPUTES,
     "Every batch size works: if N samples are accepted, so are none, one, and any other number.",
     "The last batch of an epoch, or an empty one, ends the run.",
     "Both passes run for 0, 1, 2, 7, 13 and 31 samples."},
    {"L03", LM_MUST, COMPUTES,
     "infer() is pure: it declares the same each time, changes nothing in its instance, and "
     "weights and states do not depend on the batch size.",
     "A checkpoint does not fit the model that wrote it.",
     "Declarations are recorded twice, and for other batch sizes, and compared."},
    {"L04", LM_MUST, LAYERS | TRANSFORM,
     "forward() writes every element of the outputs that infer() declared.",
     "What an earlier step left in memory gets into the results.",
     "Outputs are filled with different bytes before two runs, which must agree."},
    {"L05", LM_MUST, LAYERS,
     "backward() computes the gradient of what forward() computes, for every input and weight.",
     "The training goes in a wrong direction, often without anybody noticing.",
     "It is compared with central differences of fourth order at several step sizes, element by "
     "element and along random directions; places where a slope jumps are left out."},
    {"L06", LM_MUST, LAYERS,
     "Requests are kept: SKIP computes nothing, WRITE overwrites, ADD adds; and what is asked of "
     "one tensor changes no other's gradient.",
     "Residual joins, shared weights and frozen layers get wrong gradients.",
     "Each gradient is asked for alone, not at all, and added to numbers that are there."},
    {"L07", LM_MUST, LAYERS,
     "backward() reads only what infer() declared by lamina_bwd_reads() and lamina_save().",
     "The memory plan has given the tensor away: gradients are wrong in some networks.",
     "Everything else is overwritten with NaN and then made unreachable before backward."},
    {"L08", LM_MUST, LAYERS | TRANSFORM,
     "Working in place, where lamina_may_share() allows it, changes no bit.",
     "Results depend on the memory plan.",
     "Every combination of the declared sharings is run and compared with separate memory."},
    {"L09", LM_SHOULD, LAYERS, "Every tensor that backward() declares to read is asked for.",
     "Memory is kept for nothing: larger networks do not fit.",
     "The host listens to what backward asks for."},
    {"L10", LM_MUST, COMPUTES,
     "The same inputs, weights, states, seed and step give the same bits.",
     "Runs cannot be repeated.",
     "The same step is run twice, with what memory held before changed."},
    {"L11", LM_MUST, COMPUTES, "Results do not depend on the number of threads.",
     "Runs cannot be repeated on another machine.",
     "1, 2 and 8 threads are compared, and a pool that runs chunks in a shuffled order on other "
     "lanes."},
    {"L12", LM_MUST, COMPUTES,
     "Instances are independent, and one instance serves several shapes in turn.",
     "Two layers of the same plugin disturb each other.",
     "Another instance, and other shapes of the same one, run between the passes."},
    {"L13", LM_MUST, COMPUTES,
     "Without LAMINA_MODE_TRAIN the results do not depend on the step, unless random words of the "
     "purpose LAMINA_RANDOM_EVALUATION are declared, and states do not change.",
     "Evaluating a model twice gives different numbers.",
     "Two steps are evaluated and compared, with and without a backward to follow."},
    {"L14", LM_MUST, LAYERS, "LAMINA_MODE_KEEP changes what is saved and not what is computed.",
     "A frozen network computes something else than a trained one.",
     "Training steps with and without it are compared."},
    {"L15", LM_MUST, LAYERS,
     "NaN is not swallowed: when an output depends on an input that is NaN, an output is NaN, or "
     "forward refuses it.",
     "A training that has diverged looks healthy.",
     "Elements whose change changes an output are made NaN, one at a time."},
    {"L16", LM_MUST, LAYERS | TRANSFORM, "All that a layer remembers is in its declared states.",
     "A resumed training goes on differently, and a saved model predicts something else.",
     "Steps go on in a fresh instance that got weights and states, and are compared."},
    {"L17", LM_MUST, COMPUTES, "infer() refuses inputs that it cannot take, with a sentence.",
     "A mistake in an experiment crashes it, or is found out in the middle of a run.",
     "Numbers of inputs, ranks and element types are tried that make little sense; what is "
     "accepted must run."},
    {"L18", LM_MUST, COMPUTES, "What infer() accepts, forward() computes, and backward() too.",
     "An experiment that `lamina check` has passed fails in its first step.",
     "Both passes run for everything that was found to be accepted."},
    {"L19", LM_MUST, LOSS, "A loss has one output, a single float32; the loss of no samples is 0.",
     "It cannot be trained, or an empty batch makes the sum NaN.",
     "The declared type is read, and a batch of 0 is run."},
    {"L20", LM_SHOULD, LOSS, "A loss is a mean over the batch.",
     "The learning rate that fits depends on the batch size.",
     "A batch is run, and twice the same batch as one."},
    {"L21", LM_MUST, LAYERS,
     "Names of default initializers are components as experiments write them, and fans are not "
     "negative.",
     "Weights cannot be filled, and the run does not start.",
     "Each is parsed; the plugin that it names is looked for."},
    {"L22", LM_MUST, LAYERS,
     "A pass that declares lamina_may_fuse() hands every element to the epilogue exactly once, "
     "after its last write, and computes the same with and without one.",
     "Layers that are fused into it compute with numbers that are not finished.",
     "An epilogue counts the elements, keeps their values, and spoils what it was handed."},
    {"L23", LM_MUST, LAYER,
     "An elementwise layer's two functions give each element the bits that forward() and "
     "backward() give it, however the tensor is cut into runs, and in place.",
     "Results depend on whether the layer was fused into another one.",
     "Both functions run over many cuts, in training and not, to write and to add."},

    {"O01", LM_MUST, OPTIMIZER, "A step over ranges gives the bits of a step over the whole.",
     "Results depend on the number of threads.",
     "Steps are cut at every place, and the parts run in another order."},
    {"O02", LM_MUST, OPTIMIZER,
     "A gradient that was always 0 leaves a weight to its decay alone, and a rate of 0 leaves it "
     "where it is.",
     "Weights that nothing uses drift away; schedules cannot stop the training.",
     "Steps with zeros are compared with multiplication by `keep`."},
    {"O03", LM_MUST, OPTIMIZER, "The factor on the gradient is applied to it before anything else.",
     "Clipping does not do what it says.",
     "Half the gradient is compared with the gradient at a factor of one half, bit for bit."},
    {"O04", LM_MUST, OPTIMIZER, "All that an optimizer remembers is in its declared states.",
     "A resumed training goes on differently.",
     "Steps go on in a fresh instance that got weights and states."},
    {"O05", LM_MUST, OPTIMIZER,
     "rate() is finite and not negative, and keep() is above 0 and at most 1 at that rate.",
     "The first step destroys the weights.", "Both are asked at several rates."},
    {"O06", LM_MUST, OPTIMIZER, "A gradient that is NaN makes the weight NaN.",
     "A training that has diverged looks healthy.", "One element of a gradient is NaN."},
    {"O07", LM_SHOULD, OPTIMIZER, "With its default settings it goes downhill.",
     "Nobody gets anywhere with it.", "A parabola is descended for 200 steps."},

    {"R01", LM_MUST, REGULARIZER, "The gradient that is added is that of the penalty.",
     "Training makes something else small than what is reported.",
     "It is compared with central differences, away from kinks."},
    {"R02", LM_MUST, REGULARIZER,
     "The gradient is added to what is there, and the value is the same when nobody wants it.",
     "The gradient of the loss is lost.", "Both are compared with and without a gradient."},
    {"R03", LM_MUST, REGULARIZER,
     "Ranges add up: the gradient to the same bits, the value but for rounding; none gives 0.",
     "Results depend on how the weights are cut.", "Ranges are cut at every place."},

    {"I01", LM_MUST, INITIALIZER,
     "The numbers are a function of seed, weight's name, shape and fans alone.",
     "Models cannot be built twice, and adding a layer changes the others.",
     "Weights are filled twice, in another order, in a fresh instance, at 1 and 8 threads."},
    {"I02", LM_MUST, INITIALIZER, "Every element is written, and finite.",
     "A weight begins as what the memory held before.",
     "Memory holds different bytes before; several shapes, one of them empty."},
    {"I03", LM_MUST, INITIALIZER,
     "Where fans are not given, the weight is filled, or refused with a sentence.",
     "Normalization's scales become NaN.", "A weight without fans is filled."},

    {"C01", LM_MUST, SCHEDULE, "The factor is finite and not negative, at any time.",
     "Weights become NaN, or the training climbs.",
     "It is asked from the first step to beyond the last, for long and empty trainings."},
    {"C02", LM_MUST, SCHEDULE, "The factor is a function of its arguments alone.",
     "A resumed training goes on differently.",
     "Times are asked in order, backwards, and in a fresh instance."},

    {"M01", LM_MUST, METRIC, "Merged parts give the value of the whole.",
     "The number depends on the batch size and on the number of threads.",
     "A batch is cut at several places, and the parts merged in either order."},
    {"M02", LM_MUST, METRIC, "A part without a sample gives NaN, and merging it changes nothing.",
     "An evaluation of nothing looks like a result.", "Such parts are made and merged."},
    {"M03", LM_MUST, METRIC, "direction() is 1 or -1.", "The best checkpoint is the worst.",
     "It is asked."},

    {"D01", LM_MUST, DATASET, "The data set opens, and counts its records.", "It cannot be used.",
     "It is opened with the settings of the example, or --settings."},
    {"D02", LM_MUST, DATASET, "A record has the same bytes each time, however it is asked for.",
     "Runs cannot be repeated.",
     "Records are read alone, in batches, in another order, twice, and from a fresh instance."},
    {"D03", LM_MUST, DATASET,
     "read() writes every element of its fields, and class labels below the declared number.",
     "Training reads what the memory held before.",
     "Memory holds different bytes before; labels are compared with the classes."},
    {"D04", LM_MUST, DATASET, "A broken file is refused with a sentence.",
     "A damaged download becomes a training that goes wrong.",
     "Files that settings name are cut off, emptied and overwritten, in copies."},

    {"T01", LM_MUST, TRANSFORM, "A sample becomes the same, whatever else is in its batch.",
     "Predictions depend on the batch size.", "A batch is compared with its samples one by one."},
    {"T02", LM_MUST, TRANSFORM, "What is learned is in the declared states.",
     "A saved model predicts something else.",
     "States that one instance learned are given to a fresh one."},
    {"T03", LM_MUST, TRANSFORM, "What is learned does not depend on how the data is cut.",
     "Results depend on the batch size that happens to be used for learning.",
     "The same samples are given in one batch and in several."},

    {"V01", LM_MUST, SERVICE, "Its interface begins with its size; an unknown id has none.",
     "Plugins call functions that are not there.", "Both are asked for."},
    {"V02", LM_MUST, SERVICE,
     "An interface \"lamina.gemm/1\" multiplies, adds and sets as lamina/gemm.h says, with the "
     "same bits on any number of threads.",
     "Every layer with a matrix in it computes something else.",
     "Products of many sizes and strides are compared with sums of doubles."},
};

const struct lm_requirement *lm_requirements(size_t *count)
{
  *count = sizeof requirements / sizeof requirements[0];
  return requirements;
}

const struct lm_requirement *lm_requirement_find(const char *id)
{
  for (size_t i = 0; i < sizeof requirements / sizeof requirements[0]; i++) {
    if (strcmp(requirements[i].id, id) == 0) {
      return &requirements[i];
    }
  }
  return NULL;
}

static const char *const chapters[][2] = {
    {"P", "Every plugin"},
    {"S", "Settings"},
    {"L", "Layers and losses, in part also transforms and metrics"},
    {"O", "Optimizers"},
    {"R", "Regularizers"},
    {"I", "Initializers"},
    {"C", "Schedules"},
    {"M", "Metrics"},
    {"D", "Data sets"},
    {"T", "Transforms"},
    {"V", "Services"},
};

void lm_requirements_page(struct lm_text *out)
{
  lm_text_add(out,
              "# What plugins must do\n\n"
              "`lamina conform FILE.so` checks a plugin against these requirements; its messages "
              "cite their\nnumbers. A number keeps its meaning for ever. *Must* rules decide "
              "whether a plugin conforms;\n*should* rules count only with `--strict`. This page is "
              "printed by `lamina conform --rules`.\n");
  for (size_t c = 0; c < sizeof chapters / sizeof chapters[0]; c++) {
    bool any = false;
    for (size_t i = 0; i < sizeof requirements / sizeof requirements[0]; i++) {
      const struct lm_requirement *rule = &requirements[i];
      if (rule->id[0] != chapters[c][0][0]) {
        continue;
      }
      if (!any) {
        lm_text_addf(out, "\n## %s\n", chapters[c][1]);
        any = true;
      }
      lm_text_addf(out, "\n### %s (%s)\n\n%s\n\n- *If broken:* %s\n- *Checked by:* %s\n", rule->id,
                   rule->severity == LM_MUST ? "must" : "should", rule->sentence, rule->consequence,
                   rule->checked);
    }
  }
}
