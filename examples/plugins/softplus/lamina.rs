// The part of Lamina's plugin interface that an elementwise layer uses, as <lamina/plugin.h>,
// <lamina/plan.h>, <lamina/host.h> and <lamina/layer.h> declare it. Tables grow at their end
// only, so what is written here stays true in every later 1.x.
//
// SPDX-License-Identifier: MIT

use std::os::raw::{c_char, c_void};

/// A literal as C keeps texts.
macro_rules! text {
    ($literal:expr) => {
        concat!($literal, "\0").as_ptr() as *const std::os::raw::c_char
    };
}

pub type Status = i32;
pub const OK: Status = 0;
pub const E_INVALID: Status = -2;
pub const E_SHAPE: Status = -3;
pub const E_PLUGIN: Status = -7;

pub const KIND_LAYER: u16 = 1;
pub const IN: u32 = 0;
pub const OUT: u32 = 1;
pub const SKIP: u32 = 0;
pub const ADD: u32 = 2;
pub const FORWARD: u32 = 0;
pub const BACKWARD: u32 = 1;
const DT_FLOAT: u8 = 2;

/// struct lamina_type
#[repr(C)]
pub struct Type {
    dims: *const i64,
    rank: u32,
    layout: u32,
    dt_code: u8,
    dt_bits: u8,
    dt_lanes: u16,
    device: u32,
}

/// struct lamina_view
#[repr(C)]
pub struct View {
    data: *mut c_void,
    strides: *const i64,
    kind: Type,
}

impl Type {
    pub fn is_f32(&self) -> bool {
        self.dt_code == DT_FLOAT && self.dt_bits == 32 && self.dt_lanes == 1
    }

    pub fn count(&self) -> usize {
        let dims = (0..self.rank as usize).map(|i| unsafe { *self.dims.add(i) });
        dims.product::<i64>() as usize
    }
}

impl View {
    pub fn data(&self) -> *mut f32 {
        self.data.cast()
    }

    pub fn count(&self) -> usize {
        self.kind.count()
    }
}

/// struct lamina_call: one call of a plugin's function, the host's object.
#[repr(C)]
pub struct Call {
    host: *const Host,
}

/// Handles begin <= i < end of a parallel loop.
pub type Body = unsafe extern "C" fn(arg: *mut c_void, begin: i64, end: i64, lane: u32) -> Status;

/// struct lamina_host; slots that are not used here are only counted.
#[repr(C)]
struct Host {
    size: u32,
    abi_minor: u32,
    fail: unsafe extern "C" fn(*mut Call, Status, *const c_char),
    log: usize,
    mode: usize,
    get: unsafe extern "C" fn(*mut Call, u32, u32) -> *const View,
    grad: unsafe extern "C" fn(*mut Call, u32, u32, *mut u32) -> *const View,
    scratch: usize,
    parallel_for: unsafe extern "C" fn(*mut Call, i64, i64, Body, *mut c_void) -> Status,
}

/// A tensor of the call, or the status to return when it was not declared.
///
/// # Safety
/// `call` is what the host passed, and the view is used before the function returns.
pub unsafe fn get<'a>(call: *mut Call, what: u32, index: u32) -> Result<&'a View, Status> {
    ((*(*call).host).get)(call, what, index).as_ref().ok_or(E_PLUGIN)
}

/// The gradient of a tensor of the call, and what is asked of it.
///
/// # Safety
/// As of `get`.
pub unsafe fn grad<'a>(call: *mut Call, what: u32, index: u32) -> (Option<&'a View>, u32) {
    let mut request = SKIP;
    let view = ((*(*call).host).grad)(call, what, index, &mut request);
    (view.as_ref(), request)
}

/// Runs body on the host's threads; chunks depend on n and grain alone.
///
/// # Safety
/// `job` is what body takes `arg` for, and its chunks write no element twice.
pub unsafe fn parallel_for<T>(call: *mut Call, n: usize, grain: i64, body: Body, job: &T) -> Status {
    let arg: *const T = job;
    ((*(*call).host).parallel_for)(call, n as i64, grain, body, arg as *mut c_void)
}

/// struct lamina_plan: collects declarations, the host's object.
#[repr(C)]
pub struct Plan {
    planner: *const Planner,
    call: *mut Call,
}

/// struct lamina_planner; slots that are not used here are only counted.
#[repr(C)]
struct Planner {
    size: u32,
    abi_minor: u32,
    n_in: unsafe extern "C" fn(*const Plan) -> u32,
    input: unsafe extern "C" fn(*mut Plan, u32) -> *const Type,
    out: unsafe extern "C" fn(*mut Plan, u32, *const Type) -> Status,
    weight: usize,
    state: usize,
    save: usize,
    scratch: usize,
    bwd_reads: unsafe extern "C" fn(*mut Plan, u32, u32) -> Status,
    may_share: unsafe extern "C" fn(*mut Plan, u32, u32, u32) -> Status,
}

/// Declares an elementwise layer that takes one float32 tensor and reads its output in backward.
///
/// # Safety
/// `plan` is what the host passed to infer().
pub unsafe fn infer_elementwise(plan: *mut Plan) -> Status {
    let planner = &*(*plan).planner;
    let fail = |status, sentence| {
        ((*(*(*plan).call).host).fail)((*plan).call, status, sentence);
        status
    };
    if (planner.n_in)(plan) != 1 {
        return fail(E_INVALID, text!("takes 1 input"));
    }
    let x = match (planner.input)(plan, 0).as_ref() {
        Some(x) => x,
        None => return E_SHAPE,
    };
    if !x.is_f32() {
        return fail(E_SHAPE, text!("the input must be float32"));
    }
    let declarations = [
        (planner.out)(plan, 0, x),
        (planner.bwd_reads)(plan, OUT, 0),
        (planner.may_share)(plan, FORWARD, 0, 0),
        (planner.may_share)(plan, BACKWARD, 0, 0),
    ];
    declarations.into_iter().find(|&status| status != OK).unwrap_or(OK)
}

/// struct lamina_setting: one YAML key.
#[repr(C)]
pub struct Setting {
    pub name: *const c_char,
    pub kind: *const c_char,
    pub default: *const c_char,
    pub range: *const c_char,
    pub unit: *const c_char,
    pub doc: *const c_char,
    pub replaced_by: *const c_char,
    pub flags: u32,
    pub since_minor: u32,
    pub offset: u32,
    pub reserved: u32,
}

/// struct lamina_layer
#[repr(C)]
pub struct Layer {
    pub size: u32,
    pub caps: u32,
    pub setup: Option<unsafe extern "C" fn(*mut c_void, *mut Call) -> Status>,
    pub infer: unsafe extern "C" fn(*mut c_void, *mut Plan) -> Status,
    pub forward: unsafe extern "C" fn(*mut c_void, *mut Call) -> Status,
    pub backward: Option<unsafe extern "C" fn(*mut c_void, *mut Call) -> Status>,
    pub extension: Option<unsafe extern "C" fn(*const c_char) -> *const c_void>,
}

/// struct lamina_plugin: the one constant that a plugin exports.
#[repr(C)]
pub struct Plugin {
    pub magic: u32,
    pub size: u32,
    pub major: u16,
    pub built_minor: u16,
    pub needs_minor: u16,
    pub kind: u16,
    pub name: *const c_char,
    pub version: *const c_char,
    pub marker: *const c_char,
    pub summary: *const c_char,
    pub license: *const c_char,
    pub origin: *const c_char,
    pub settings: *const Setting,
    pub n_settings: u32,
    pub setting_stride: u32,
    pub instance_bytes: u64,
    pub vtable: *const Layer,
}

// Constants that point to constants.
unsafe impl Sync for Setting {}
unsafe impl Sync for Layer {}
unsafe impl Sync for Plugin {}

pub const MAGIC: u32 = 0x4e4d_414c;

// The instruction set that the compiler may use: the host refuses the file where it is missing.
#[cfg(all(target_feature = "avx2", target_feature = "fma"))]
macro_rules! isa {
    () => {
        "x86-64-v3"
    };
}
#[cfg(all(target_arch = "x86_64", not(all(target_feature = "avx2", target_feature = "fma"))))]
macro_rules! isa {
    () => {
        "x86-64"
    };
}
#[cfg(target_arch = "aarch64")]
macro_rules! isa {
    () => {
        "aarch64"
    };
}
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
macro_rules! isa {
    () => {
        "generic"
    };
}

/// The marker, by which a host knows the plugin before it loads it.
macro_rules! marker_text {
    ($kind:literal, $name:literal, $version:literal) => {
        text!(concat!(
            "\x7fLAMINA\0abi=1.0\0built=1.0\0kind=", $kind, "\0name=", $name, "\0version=", $version,
            "\0isa=", isa!(), "\0"
        ))
    };
}
